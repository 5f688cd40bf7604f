"""Rows put together column by column, and statements that nobody waits for: all of it arrives, or the error does."""

from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import IntegrityError

from store.clock import utc_now
from store.errors import StoreUnavailable
from store.services import accounts, domains
from store.sql.database import Database
from store.sql.many_rows import ManyRows, insert_names
from store.sql.sent_ahead import at_driver, sent_ahead
from store.sql.tables import ALIAS, AddressRow, AuditRow

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
LATER = NOON.astimezone(timezone(timedelta(hours=2))) + timedelta(microseconds=5)
ODD = 'a\tb\nc\rd\\e "wört" 100 % \\. \\N'
COLUMNS: dict[str, list[Any]] = {
    "at": [NOON, LATER],
    "actor": ["ann", "ann"],
    "token_id": [None, 7],
    "action": ["alias.create", "alias.delete"],
    "object_type": ["alias", "alias"],
    "object_id": [1, 2],
    "name": [ODD, "x"],
    "before": [None, '{"note": "a\\\\b\\n"}'],
    "after": ['{"is_active": true, "note": "w\\u00f6rt"}', None],
}
READ = COLUMNS | {
    "before": [None, {"note": "a\\b\n"}],
    "after": [{"is_active": True, "note": "wört"}, None],
}


def written(database: Database, columns: dict[str, list[Any]], *, are_long: bool) -> dict[str, list[Any]]:
    with database.write() as tx:
        ManyRows.of(tx, AuditRow, columns, are_long=are_long).insert(tx)
    with database.read() as tx:
        found = tx.scalars(select(AuditRow).order_by(AuditRow.id)).all()
        return {name: [getattr(row, name) for row in found] for name in columns}


@pytest.mark.parametrize("are_long", [True, False])
def test_each_value_arrives(database: Database, are_long: bool) -> None:
    assert written(database, COLUMNS, are_long=are_long) == READ


@pytest.mark.parametrize("are_long", [True, False])
def test_rows_that_are_the_same(database: Database, are_long: bool) -> None:
    same = {name: [values[0]] * 3 for name, values in COLUMNS.items()}
    assert written(database, same, are_long=are_long) == {name: [values[0]] * 3 for name, values in READ.items()}


def test_a_moment_without_a_zone_is_none(database: Database) -> None:
    with pytest.raises(TypeError), database.write() as tx:
        ManyRows.of(tx, AuditRow, COLUMNS | {"at": [NOON, NOON.replace(tzinfo=None)]}, are_long=True)


def names(domain: int, *locals_: str) -> dict[str, list[Any]]:
    count = len(locals_)
    same: dict[str, list[Any]] = {
        "domain_id": [domain] * count,
        "kind": [ALIAS] * count,
        "created_at": [utc_now()] * count,
    }
    return {**same, "local_part": list(locals_)}


def a_domain(database: Database) -> int:
    with database.write() as tx:
        accounts.create(tx, "acme", "agency")
        return domains.add(tx, "brand-a.com", account="acme", verified=True).id


def test_names_get_the_ids_that_are_told(database: Database) -> None:
    domain = a_domain(database)
    with database.write() as tx:
        with sent_ahead(tx):
            ids = insert_names(tx, names(domain, "b", "a"))
        found = {row.id: row.local_part for row in tx.scalars(select(AddressRow))}
    assert [found[one] for one in ids] == ["b", "a"]


def test_what_is_sent_ahead_and_fails_is_told_at_the_end_and_the_transaction_goes_on(database: Database) -> None:
    domain = a_domain(database)
    with database.write() as tx:
        insert_names(tx, names(domain, "a"))
        with pytest.raises(IntegrityError), tx.begin_nested(), sent_ahead(tx):
            insert_names(tx, names(domain, "b", "a"))
            ManyRows.of(tx, AuditRow, COLUMNS).insert(tx)
        insert_names(tx, names(domain, "c"))
    with database.read() as tx:
        assert tx.scalars(select(AddressRow.local_part).order_by(AddressRow.id)).all() == ["a", "c"]
        assert not tx.scalars(select(AuditRow.id).where(AuditRow.actor == "ann")).all()


def test_a_connection_that_is_lost_meanwhile_is_dropped(postgres_url: str) -> None:
    with closing(Database.open(postgres_url)) as own:
        with pytest.raises(StoreUnavailable), own.write() as tx, tx.begin_nested(), sent_ahead(tx):
            end_session_of(own, tx.connection())
            insert_names(tx, names(1, "a"))
        with own.write() as tx:
            assert tx.scalar(text("SELECT 1")) == 1


def end_session_of(database: Database, connection: Connection) -> None:
    with at_driver(connection) as driver, database.alone() as other:
        ended = text("SELECT pg_terminate_backend(:found, 5000)")
        assert other.scalar(ended, {"found": driver.info.backend_pid})
