"""INSERT of rows without objects: for what is written down and not worked with any further."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Insert, Row, Table, TextClause, insert, text
from sqlalchemy.orm import Session

from store.sql.tables import AddressRow, AliasRow, AuditRow, MessageRow, OutboxRow
from store.sql.tenant import Transaction

AnyTable = type[AddressRow] | type[AliasRow] | type[AuditRow] | type[MessageRow] | type[OutboxRow]
Values = Mapping[str, Any]  # plain ones, by column; defaults are added


def insert_row(tx: Transaction, table: AnyTable, values: Values) -> int:
    """Return the id of a new row. Which account it is of is the caller's to know (:mod:`store.sql.tenant`)."""
    tx.flush()  # what it points at
    made = tx.connection().execute(_statement(table), values).inserted_primary_key
    return int(cast("Row[Any]", made)[0])


def insert_rows(tx: Session, table: AnyTable, rows: Sequence[Values]) -> None:
    """Insert rows, all with values for the same columns, whose ids nobody asks for; as :func:`insert_row`."""
    tx.flush()
    connection = tx.connection()
    if len(rows) == 1:  # a list of one would go the way of many, which takes the drivers longer
        connection.execute(_statement(table), rows[0])
    elif rows and connection.dialect.name == "postgresql":
        connection.execute(_of_json(table, tuple(rows[0])), {"rows": _as_json(table, rows)})
    elif rows:
        connection.execute(_statement(table), rows)


def insert_names(tx: Transaction, rows: Sequence[Values]) -> dict[tuple[int, str], int]:
    """Insert rows of ``addresses`` and return their ids by domain and local part; as :func:`insert_rows`."""
    tx.flush()
    connection = tx.connection()
    if connection.dialect.name == "postgresql":
        made = _of_json(AddressRow, tuple(rows[0]), " RETURNING id, domain_id, local_part")
        found = connection.execute(made, {"rows": _as_json(AddressRow, rows)})
    else:
        found = connection.execute(_naming(), rows)
    return {(domain, local_part): id_ for id_, domain, local_part in found}


@cache
def _statement(table: AnyTable) -> Insert:
    return insert(table.__table__)  # type: ignore[arg-type]


@cache
def _naming() -> Any:
    names = cast("Table", AddressRow.__table__)
    return insert(names).returning(names.c.id, names.c.domain_id, names.c.local_part)


@cache
def _of_json(table: AnyTable, given: tuple[str, ...], returning: str = "") -> TextClause:
    """Return the INSERT of a JSON array of rows: for PostgreSQL, whose driver sends each row of many by itself."""
    name, columns = table.__tablename__, ", ".join((*given, *_defaults(table, given)))
    rows = f"json_populate_recordset(CAST(NULL AS {name}), CAST(:rows AS json))"
    return text(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {rows}{returning}")  # noqa: S608 - names of ours


def _as_json(table: AnyTable, rows: Sequence[Values]) -> str:
    added = {name: _value_of(default) for name, default in _defaults(table, tuple(rows[0])).items()}
    return json.dumps([{**added, **row} for row in rows], default=_moment)


@cache
def _defaults(table: AnyTable, given: tuple[str, ...]) -> dict[str, Any]:
    """Return the defaults of columns that are not given, and are not the database's own to fill."""
    columns = cast("Table", table.__table__).c
    return {one.name: one.default for one in columns if one.default is not None and one.name not in given}


def _value_of(default: Any) -> Any:
    return default.arg(None) if default.is_callable else default.arg


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
