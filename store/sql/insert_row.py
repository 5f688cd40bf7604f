"""INSERT of rows without objects: for what is written down and not worked with any further.

Many rows go as one JSON array, which each database takes apart itself: the drivers send, and SQLAlchemy prepares, each
row of many by itself. What is the same in all rows stands beside it once.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, cast

from sqlalchemy import (
    JSON,
    Column,
    Insert,
    Select,
    Table,
    Text,
    bindparam,
    column,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.orm import Session

from store.sql.prepared import Prepared, value_of
from store.sql.tables import AddressRow, AliasRow, AuditRow, MessageRow, OutboxRow
from store.sql.tenant import Transaction

AnyTable = type[AddressRow] | type[AliasRow] | type[AuditRow] | type[MessageRow] | type[OutboxRow]
Values = Mapping[str, Any]  # plain ones, by column; defaults are added

ROWS = "rows_"  # the parameter of the rows, beside those named after columns
_REMEMBERED = 256  # statements: which columns are the same in all rows is another thing each time


def insert_row(tx: Transaction, table: AnyTable, values: Values) -> int:
    """Return the id of a new row. Which account it is of is the caller's to know (:mod:`store.sql.tenant`)."""
    tx.flush()  # what it points at
    return int(_of_one(table, tuple(values)).scalar(tx.connection(), values))


def insert_rows(tx: Session, table: AnyTable, rows: Sequence[Values]) -> None:
    """Insert rows, all with values for the same columns, whose ids nobody asks for; as :func:`insert_row`."""
    tx.flush()
    if len(rows) == 1:  # takes less than an array of one
        _of_one(table, tuple(rows[0])).scalar(tx.connection(), rows[0])
    elif rows:
        tx.connection().execute(*_of_many(tx, table, rows))


@cache
def _of_one(table: AnyTable, given: tuple[str, ...]) -> Prepared:
    made = cast("Table", table.__table__)
    return Prepared(insert(made).returning(made.c.id), given)


def _of_many(tx: Session, table: AnyTable, rows: Sequence[Values]) -> tuple[Insert, dict[str, Any]]:
    """Return the INSERT of rows, and its parameters."""
    first = rows[0]
    own = tuple(name for name in first if any(row[name] is not first[name] for row in rows)) or tuple(first)
    shared = {name: value for name, value in first.items() if name not in own}
    dialect = tx.get_bind().dialect.name
    added = default_values(table, first)
    text = json.dumps([{name: row[name] for name in own} for row in rows], default=MOMENT[dialect])
    return inserting(dialect, table, (*shared, *added), own), {**shared, **added, ROWS: text}


@lru_cache(_REMEMBERED)
def inserting(dialect: str, table: AnyTable, shared: tuple[str, ...], own: tuple[str, ...]) -> Insert:
    """Return the INSERT of a JSON array of objects with the members ``own``, beside parameters for what they share."""
    made = cast("Table", table.__table__)
    once = [bindparam(name, type_=made.c[name].type) for name in shared]
    each = _of_postgresql if dialect == "postgresql" else _of_sqlite
    rows: Select[*tuple[Any, ...]] = select(*once, *each([made.c[name] for name in own]))
    return insert(made).from_select([*shared, *own], rows, include_defaults=False)


def default_values(table: AnyTable, given: Collection[str]) -> dict[str, Any]:
    """Return what a new row has in the columns that are not given."""
    return {name: value_of(default) for name, default in _defaults(table, tuple(given)).items()}


def _of_postgresql(own: Sequence[Column[Any]]) -> list[Any]:
    rows = func.json_to_recordset(cast_to(bindparam(ROWS, type_=Text()), JSON)).table_valued
    found = rows(*(column(one.name, one.type) for one in own)).render_derived(with_types=True)
    return [found.c[one.name] for one in own]


def _of_sqlite(own: Sequence[Column[Any]]) -> list[Any]:
    row = func.json_each(bindparam(ROWS, type_=Text())).table_valued("value").c.value
    return [func.json_extract(row, literal_column(f"'$.{one.name}'")) for one in own]


@cache
def _defaults(table: AnyTable, given: tuple[str, ...]) -> dict[str, Any]:
    """Return the defaults of columns that are not given, and are not the database's own to fill."""
    columns = cast("Table", table.__table__).c
    return {one.name: one.default for one in columns if one.default is not None and one.name not in given}


def _as_postgresql_reads(value: Any) -> str:
    return aware(value).isoformat()


def _as_sqlite_keeps(value: Any) -> str:
    return aware(value).astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def aware(value: Any) -> datetime:
    """Return what JSON has no form of, if it is an aware moment, as UtcDateTime asks."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    raise TypeError(f"{type(value).__name__} is no value of a row")


MOMENT = {"postgresql": _as_postgresql_reads, "sqlite": _as_sqlite_keeps}
