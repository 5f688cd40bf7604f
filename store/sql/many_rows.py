"""Many rows that are put together before they are inserted, column by column.

They go as one JSON array, or to PostgreSQL with COPY. That takes two thirds of the time there where rows are long and
point at nothing, as those of the audit log; for short ones that point at others it takes as long, or longer (measured).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Self, cast

from sqlalchemy import JSON, Insert, Table
from sqlalchemy.orm import Session

from store.sql.columns import Column, filled, is_same, json_texts
from store.sql.insert_row import MOMENT, ROWS, AnyTable, aware, default_values, inserting
from store.sql.sent_ahead import POSTGRESQL, at_driver
from store.sql.tables import AddressRow
from store.sql.tenant import Transaction

_NULL = r"\N"
_NEW_IDS = "SELECT nextval(pg_get_serial_sequence('addresses', 'id')) FROM generate_series(1, %s)"
_ODD = "\\\t\n\r"  # what ends a value or a row in COPY's text format (PostgreSQL manual, COPY, "Text Format")
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True, slots=True)
class ManyRows:
    """Rows for one table."""

    statement: Insert | str  # COPY is the driver's, in words
    values: Any  # its parameters, or what it copies

    @classmethod
    def of(cls, tx: Session, table: AnyTable, columns: Mapping[str, Column], *, are_long: bool = False) -> Self:
        """Put rows together, at least one. ``columns``: the values of each row; those for JSON as text. Asks nothing.

        ``are_long``: the rows, which also point at nothing.

        Raises:
            TypeError: for a moment without a time zone.
        """
        dialect = tx.get_bind().dialect.name
        count = len(next(iter(columns.values())))
        added = {name: [value] * count for name, value in default_values(table, columns).items()}
        every = {**columns, **added}
        is_copied = are_long and dialect == POSTGRESQL
        return cls(*(_copying(table, every) if is_copied else _array(dialect, table, every)))

    def insert(self, tx: Session) -> None:
        """Insert the rows."""
        tx.flush()
        connection = tx.connection()
        if isinstance(self.statement, Insert):
            connection.execute(self.statement, self.values)
            return
        with at_driver(connection) as driver, driver.cursor() as cursor, cursor.copy(self.statement) as copy:
            copy.write(self.values)


def insert_names(tx: Transaction, columns: Mapping[str, Column]) -> list[int]:
    """Insert rows of ``addresses``, at least one, and return their ids.

    PostgreSQL gives the ids first, so that in :func:`store.sql.sent_ahead.sent_ahead` nobody waits for the rows.

    Raises:
        sqlalchemy.exc.IntegrityError: a name is taken.
    """
    domains, locals_ = columns["domain_id"], columns["local_part"]
    if tx.get_bind().dialect.name == POSTGRESQL:
        ids = _new_ids(tx, len(domains))
        ManyRows.of(tx, AddressRow, {"id": ids, **columns}).insert(tx)
        return ids
    tx.flush()
    names, rows = cast("Table", AddressRow.__table__).c, ManyRows.of(tx, AddressRow, columns)
    inserting = cast("Insert", rows.statement).returning(names.id, names.domain_id, names.local_part)
    found = {(domain, local): id_ for id_, domain, local in tx.connection().execute(inserting, rows.values)}
    return [found[name] for name in zip(domains, locals_, strict=True)]


def _new_ids(tx: Transaction, count: int) -> list[int]:
    """Return ids for rows of ``addresses``, in order."""
    with at_driver(tx.connection()) as driver, driver.cursor() as cursor:
        return sorted(id_ for (id_,) in cursor.execute(_NEW_IDS, (count,)).fetchall())


def _copying(table: AnyTable, columns: Mapping[str, Column]) -> tuple[str, str]:
    names = ", ".join(f'"{name}"' for name in columns)
    parts = [("\t" if place else "", column, _copied) for place, column in enumerate(columns.values())]
    return f"COPY {table.__tablename__} ({names}) FROM STDIN", "".join(filled(parts, "\n"))


def _copied(column: Column) -> Iterable[str]:
    """Return values as COPY's text format has them."""
    kinds = set(map(type, column))
    if kinds == {int}:
        return map(str, column)
    if kinds != {str}:
        return [_NULL if value is None else _text(value).translate(_ESCAPED) for value in column]
    every = "".join(column)
    return (text.translate(_ESCAPED) for text in column) if any(char in every for char in _ODD) else column


def _text(value: Any) -> str:
    return aware(value).isoformat() if isinstance(value, datetime) else str(value)


def _array(dialect: str, table: AnyTable, columns: Mapping[str, Column]) -> tuple[Insert, dict[str, Any]]:
    made = cast("Table", table.__table__).c
    told = {name for name in columns if isinstance(made[name].type, JSON)}
    differ = (name for name, one in columns.items() if not is_same(one) or (name in told and one[0] is not None))
    own = tuple(differ) or tuple(columns)[:1]
    shared = {name: one[0] for name, one in columns.items() if name not in own}
    write = partial(json_texts, default=MOMENT[dialect])
    parts = [
        (f'{", " if place else "{"}"{name}": ', columns[name], _as_it_is if name in told else write)
        for place, name in enumerate(own)
    ]
    return inserting(dialect, table, tuple(shared), own), {**shared, ROWS: f"[{', '.join(filled(parts, '}'))}]"}


def _as_it_is(column: Column) -> Iterable[str]:
    return ["null" if text is None else text for text in column]
