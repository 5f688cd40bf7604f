"""Prepared statements: SQLAlchemy writes their text, once for each kind of database, and the driver runs them.

For the few that every request or every message asks. SQLAlchemy takes 21 us to run a statement that SQLite answers in 3
(measured), for what a statement of fixed text has no need of.
"""

from collections import namedtuple
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

Values = Mapping[str, Any]
Watcher = Callable[[Connection, str], None]
Key = TypeVar("Key", bound=Hashable)

watchers: list[Watcher] = []  # are told of each statement that ran, as SQLAlchemy tells of others; for tests, benches

_NONE: Values = {}
_rowcount = attrgetter("rowcount")


def _same(value: Any) -> Any:
    return value


class Prepared:
    """A statement whose text is the same each time: it holds no list of values. Safe to share between threads.

    It runs on a connection of :meth:`store.sql.database.Database.alone`, or in a transaction that has begun. Its errors
    are SQLAlchemy's, and a connection that was lost is dropped, as with any other statement.
    """

    def __init__(self, statement: Any, columns: Collection[str] | None = None) -> None:
        """Take a statement of tables; of an INSERT also the columns that are given, as others have their defaults."""
        self._statement, self._columns = statement, columns
        self._texts: dict[str, Text] = {}

    def rows(self, connection: Connection, values: Values = _NONE) -> list[Any]:
        """Return the rows found, named tuples of what the columns' types make of them."""
        text = self._text(connection.dialect)
        found: list[Any] = run(connection, text, values, text.read)
        return found

    def row(self, connection: Connection, values: Values = _NONE) -> Any:
        """Return the first row; None for none."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def scalar(self, connection: Connection, values: Values = _NONE) -> Any:
        """Return the first column of the first row; None for none."""
        found = self.rows(connection, values)
        return found[0][0] if found else None

    def change(self, connection: Connection, values: Values = _NONE) -> int:
        """Return how many rows were changed."""
        return int(run(connection, self._text(connection.dialect), values, _rowcount))

    def _text(self, dialect: Dialect) -> "Text":
        found = self._texts.get(dialect.name)
        if found is None:
            found = self._texts[dialect.name] = Text(self._statement, self._columns, dialect)
        return found


class Text:
    """A statement as one kind of database reads it: how values go in, and how rows come out."""

    def __init__(self, statement: Any, columns: Collection[str] | None, dialect: Dialect) -> None:
        made = statement.compile(dialect=dialect, column_keys=None if columns is None else list(columns))
        self.sql: str = made.string
        self._order: Sequence[str] | None = made.positiontup  # of the parameters, where they have no names
        self._defaults = {one.key: one.default for one in made.insert_prefetch}
        self._into = _converters(dialect, {name: one.type for one, name in made.bind_names.items()}, "bind_processor")
        asked = {name for one, name in made.bind_names.items() if one.required or name in self._defaults}
        fixed = {name: value for name, value in made.params.items() if name not in asked}
        self._fixed = {name: self._into.pop(name, _same)(value) for name, value in fixed.items()}
        found = list(getattr(statement, "exported_columns", ()))
        self._row = _row([one.key for one in found])
        self._out_of = _converters(dialect, dict(enumerate(one.type for one in found)), "result_processor", None)

    def given(self, values: Values) -> Any:
        """Return the parameters as the driver takes them."""
        every = {**self._fixed, **{name: value_of(made) for name, made in self._defaults.items()}, **values}
        for name, convert in self._into.items():
            every[name] = convert(every[name])
        return every if self._order is None else [every[name] for name in self._order]

    def read(self, cursor: Any) -> list[Any]:
        """Return what the driver found as rows."""
        return [self._row(self._converted(row)) for row in cursor.fetchall()]

    def _converted(self, row: Any) -> Any:
        if not self._out_of:
            return row
        found = list(row)
        for place, convert in self._out_of.items():
            found[place] = convert(found[place])
        return found


def value_of(default: Any) -> Any:
    """Return a column's default, as SQLAlchemy keeps it, for a new row."""
    return default.arg(None) if default.is_callable else default.arg


def _row(names: list[str]) -> Callable[[Any], Any]:
    made: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
    make: Callable[[Any], Any] = made._make
    return make


def _converters(
    dialect: Dialect, types: Mapping[Key, TypeEngine[Any]], kind: str, *more: None
) -> dict[Key, Callable[[Any], Any]]:
    """Return what converts values on their way in or out, for those types whose values are not the driver's own."""
    found = {key: getattr(one.dialect_impl(dialect), kind)(dialect, *more) for key, one in types.items()}
    return {key: convert for key, convert in found.items() if convert is not None}


def run(connection: Connection, text: "Text", values: Values, take: Callable[[Any], Any]) -> Any:
    """Run a statement at the driver, and return what ``take`` makes of its cursor."""
    given = text.given(values)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(text.sql, given)
        for told in watchers:
            told(connection, text.sql)
        return take(cursor)
    except connection.dialect.loaded_dbapi.Error as error:
        raise as_sqlalchemy(connection, text.sql, error, cursor) from error
    except Exception:
        raise
    except BaseException as error:  # in the middle of an exchange: what the connection would answer next, nobody knows
        connection.invalidate(error)
        raise
    finally:
        cursor.close()


def as_sqlalchemy(connection: Connection, sql: str, error: Any, cursor: Any) -> BaseException:
    """Return a driver's error as SQLAlchemy has it, without the parameters, and drop a connection that is lost."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection, cursor)
    if lost:
        connection.invalidate(error)
    base = dialect.loaded_dbapi.Error
    told: BaseException = DBAPIError.instance(
        sql, None, error, base, hide_parameters=True, connection_invalidated=lost, dialect=dialect
    )
    return told
