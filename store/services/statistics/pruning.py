"""Forgetting: days, senders and ids of batches whose time is over."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, inspect, select, tuple_

from store.clock import utc_now
from store.sql.database import Database
from store.sql.tables import (
    AccountRow,
    AddressRow,
    AliasDayRow,
    AliasSenderRow,
    Base,
    CountBatchRow,
    DomainRow,
)
from store.sql.tenant import Transaction

KEPT_DAYS = 100  # of counts
_KEPT = timedelta(days=KEPT_DAYS)
_KEPT_BATCHES = timedelta(days=2)  # longer than a hand-over is repeated
_AT_ONCE = 500  # rows in one transaction, so that nobody waits for long
_MOST_ROUNDS = 200  # the rest the next time
_SILENT = {"synchronize_session": False}


def prune(database: Database) -> int:
    """Take away what is old, some rows at a time; return how many.

    Raises:
        StoreUnavailable, StoreNotReady: the rest stays until the next time.
    """
    now = utc_now()
    gone = _delete(database, AliasDayRow, select(*_key(AliasDayRow)).where(AliasDayRow.day < now.date() - _KEPT))
    merged_before = CountBatchRow.merged_at < now - _KEPT_BATCHES
    gone += _delete(database, CountBatchRow, select(*_key(CountBatchRow)).where(merged_before))
    with database.read() as tx:
        spans = tx.scalars(select(AccountRow.remember_senders_days).distinct()).all()
    for days in spans:
        gone += _delete(database, AliasSenderRow, _senders_before(now - timedelta(days=days), days))
    return gone


def forget_senders(tx: Transaction, account_id: int) -> None:
    """Forget all senders of an account's aliases, at once."""
    names = select(AddressRow.id).join(DomainRow, DomainRow.id == AddressRow.domain_id)
    names = names.where(DomainRow.account_id == account_id)
    tx.execute(delete(AliasSenderRow).where(AliasSenderRow.alias_id.in_(names)), execution_options=_SILENT)


def _senders_before(moment: datetime, days: int) -> Select[*tuple[Any, ...]]:
    """Return the query for senders last seen before ``moment``, in accounts that remember them for ``days``."""
    found = select(*_key(AliasSenderRow)).join(AddressRow, AddressRow.id == AliasSenderRow.alias_id)
    found = found.join(DomainRow, DomainRow.id == AddressRow.domain_id)
    found = found.join(AccountRow, AccountRow.id == DomainRow.account_id)
    return found.where(AliasSenderRow.last_at < moment, AccountRow.remember_senders_days == days)


def _delete(database: Database, table: type[Base], old: Select[*tuple[Any, ...]]) -> int:
    """Delete the rows with the keys that a query finds, some at a time."""
    gone = 0
    for _ in range(_MOST_ROUNDS):
        with database.read() as tx:
            keys = [tuple(row) for row in tx.execute(old.limit(_AT_ONCE))]
        if not keys:
            break
        with database.write() as tx:
            tx.execute(delete(table).where(tuple_(*_key(table)).in_(keys)), execution_options=_SILENT)
        gone += len(keys)
    return gone


def _key(table: type[Base]) -> list[Any]:
    """Return the columns of a table's primary key."""
    mapped = inspect(table)
    return [mapped.get_property_by_column(column).class_attribute for column in mapped.primary_key]
