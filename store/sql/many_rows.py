"""Many rows that are put together before they are inserted, column by column.

PostgreSQL gets them with COPY, which takes two thirds of what an INSERT of a JSON array takes there, when the rows are
long and point at nothing (measured for the audit log). SQLite has no such thing and gets that array.
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

_NULL = r"\N"
_ODD = "\\\t\n\r"  # what ends a value or a row in COPY's text format (PostgreSQL manual, COPY, "Text Format")
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True, slots=True)
class ManyRows:
    """Rows for one table."""

    statement: Insert | str  # COPY is the driver's, in words
    values: Any  # its parameters, or what it copies

    @classmethod
    def of(cls, tx: Session, table: AnyTable, columns: Mapping[str, Column]) -> Self:
        """Put rows together, at least one. ``columns``: the values of each row; those for JSON as text. Asks nothing.

        Raises:
            TypeError: for a moment without a time zone.
        """
        dialect = tx.get_bind().dialect.name
        count = len(next(iter(columns.values())))
        added = {name: [value] * count for name, value in default_values(table, columns).items()}
        every = {**columns, **added}
        return cls(*(_copying(table, every) if dialect == POSTGRESQL else _array(dialect, table, every)))

    def insert(self, tx: Session) -> None:
        """Insert the rows."""
        tx.flush()
        connection = tx.connection()
        if isinstance(self.statement, Insert):
            connection.execute(self.statement, self.values)
            return
        with at_driver(connection) as driver, driver.cursor() as cursor, cursor.copy(self.statement) as copy:
            copy.write(self.values)


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
