"""Deleting a mailbox in two steps."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from store.clock import utc_now
from store.services import aliases, delete_intents, domain_settings, mailboxes
from store.sql.database import Database
from store.sql.tables import DeleteIntentRow
from tests.store.refusals import refused

JOHN = "john@brand-a.com"


def intend(database: Database, mailbox: int | str = JOHN) -> delete_intents.DeleteIntent:
    with database.write() as tx:
        return delete_intents.create(tx, mailbox)


def confirm(database: Database, intent: int, *, minutes: float = 0) -> None:
    with database.write() as tx:
        delete_intents.confirm(tx, intent, utc_now() + timedelta(minutes=minutes))


@pytest.fixture
def sales(world: Database) -> Database:
    """World, where john has an alias and a domain's mail that no name takes."""
    with world.write() as tx:
        aliases.add(tx, "sales@brand-b.com", JOHN)
        domain_settings.update(tx, "brand-b.com", catch_all=JOHN, system_mailbox=JOHN)
    return world


def free(database: Database) -> None:
    with database.write() as tx:
        domain_settings.update(tx, "brand-b.com", no_catch_all=True, no_system_mailbox=True)


def test_what_goes_and_what_is_in_the_way(sales: Database) -> None:
    intent = intend(sales)
    assert (intent.mailbox.address, intent.aliases) == (JOHN, ["sales@brand-b.com"])
    assert (intent.catch_all_of, intent.system_mailbox_of) == (["brand-b.com"], ["brand-b.com"])
    assert intent.expires_at - intent.created_at == timedelta(minutes=15)
    with refused(sales, "conflict"):
        confirm(sales, intent.id)
    free(sales)
    again = intend(sales, intent.mailbox.id)
    assert (again.catch_all_of, again.system_mailbox_of) == ([], [])


def test_confirmed(sales: Database) -> None:
    free(sales)
    intent = intend(sales)
    other = intend(sales)
    confirm(sales, intent.id, minutes=14.9)
    with sales.read() as tx:
        assert [mailbox.address for mailbox in mailboxes.list_all(tx)] == ["eve@rival.com"]
        assert aliases.list_all(tx) == []
    for gone in (intent.id, other.id):
        with refused(sales, "not-found"):
            confirm(sales, gone)


def test_expired(world: Database) -> None:
    intent = intend(world)
    with refused(world, "not-found"):
        confirm(world, intent.id, minutes=15)


def test_an_alias_that_came_since(world: Database) -> None:
    """Nobody was told that it would go."""
    intent = intend(world)
    with world.write() as tx:
        aliases.add(tx, "sales@brand-b.com", JOHN)
    with refused(world, "conflict"):
        confirm(world, intent.id)
    confirm(world, intend(world).id)


def test_no_such_mailbox(world: Database) -> None:
    for ref in (999, "nobody@brand-a.com"):
        with refused(world, "not-found"):
            intend(world, ref)


def test_those_whose_time_is_over_go_with_the_next_one(world: Database) -> None:
    for _ in range(3):
        intend(world)
    with world.write() as tx:
        tx.execute(update(DeleteIntentRow).values(expires_at=utc_now()))
    last = intend(world)
    with world.read() as tx:
        assert list(tx.scalars(select(DeleteIntentRow.id))) == [last.id]
