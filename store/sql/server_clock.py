"""The clock of the database server."""

from datetime import datetime
from typing import cast

from sqlalchemy import func, select

from store.sql.tenant import Transaction


def server_time(tx: Transaction) -> datetime | None:
    """Return what PostgreSQL's clock shows, aware; None for SQLite, which has no clock but ours."""
    if tx.get_bind().dialect.name != "postgresql":
        return None
    return cast("datetime", tx.scalar(select(func.clock_timestamp())))
