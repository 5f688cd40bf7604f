"""INSERT of rows without objects: for what is written down and not worked with any further."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import Insert, Row, insert

from store.sql.tables import AuditRow, MessageRow
from store.sql.tenant import Transaction

Table = type[AuditRow] | type[MessageRow]
Values = Mapping[str, Any]  # plain ones, by column; defaults are added


def insert_row(tx: Transaction, table: Table, values: Values) -> int:
    """Return the id of a new row. Which account it is of is the caller's to know (:mod:`store.sql.tenant`)."""
    tx.flush()  # what it points at
    made = tx.connection().execute(_statement(table), values).inserted_primary_key
    return int(cast("Row[Any]", made)[0])


def insert_rows(tx: Transaction, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows whose ids nobody asks for; as :func:`insert_row`."""
    tx.flush()
    # A list of one would go the way of many, which takes the drivers longer.
    tx.connection().execute(_statement(table), rows[0] if len(rows) == 1 else rows)


@cache
def _statement(table: Table) -> Insert:
    return insert(table.__table__)  # type: ignore[arg-type]
