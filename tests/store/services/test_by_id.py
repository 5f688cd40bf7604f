"""Everything by id, as the API asks, and lists in pages with a search."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from store.errors import ServiceError
from store.services import accounts, aliases, domain_settings, domains, mailboxes
from store.services.paging import Page
from store.sql.database import Database, Transaction
from tests.store.refusals import refused

JOHN = "john@brand-a.com"
ACME, BRAND_A, BRAND_B, JOHN_ID = 1, 1, 2, 1


def names(page: Page[Any]) -> list[str]:
    return [getattr(item, "address", None) or item.name for item in page.items]


@pytest.fixture
def many(world: Database) -> Database:
    """World with six aliases of john."""
    with world.write() as tx:
        for name in ("sales", "sales_de", "sales-fr", "info", "100%"[:3], "a.b"):
            aliases.add(tx, f"{name}@brand-b.com", JOHN, note="Ask Ärne" if name == "info" else None)
    return world


PAGES: list[tuple[Callable[[Transaction], Page[Any]], list[str], int]] = [
    (lambda tx: accounts.page(tx), ["acme", "rival"], 2),
    (lambda tx: accounts.page(tx, search="AC"), ["acme"], 1),
    (lambda tx: domains.page(tx), ["brand-a.com", "brand-b.com", "rival.com"], 3),
    (lambda tx: domains.page(tx, search="brand", per_page=1, page=2), ["brand-b.com"], 2),
    (lambda tx: domains.page(tx, status="active", search="a.c"), ["brand-a.com"], 1),
    (lambda tx: domains.page(tx, status="pending_dns"), [], 0),
    (lambda tx: domains.page(tx, status="suspended"), [], 0),
    (lambda tx: mailboxes.page(tx), [JOHN, "eve@rival.com"], 2),
    (lambda tx: mailboxes.page(tx, domain=BRAND_A), [JOHN], 1),
    (lambda tx: mailboxes.page(tx, domain=BRAND_B), [], 0),
    (lambda tx: mailboxes.page(tx, search="N@BRAND"), [JOHN], 1),
    (lambda tx: aliases.page(tx, search="sales_"), ["sales_de@brand-b.com"], 1),
    (lambda tx: aliases.page(tx, search="%"), [], 0),
    (lambda tx: aliases.page(tx, search="a.b"), ["a.b@brand-b.com"], 1),
    (lambda tx: aliases.page(tx, search="\\"), [], 0),
    (lambda tx: aliases.page(tx, search="ask"), ["info@brand-b.com"], 1),
    (lambda tx: aliases.page(tx, mailbox=JOHN_ID, per_page=2), ["100@brand-b.com", "a.b@brand-b.com"], 6),
    (lambda tx: aliases.page(tx, mailbox=JOHN_ID, per_page=2, page=4), [], 6),
    (lambda tx: aliases.page(tx, page=2**62, per_page=100), [], 6),
]


@pytest.mark.parametrize(("ask", "found", "total"), PAGES)
def test_pages(many: Database, ask: Callable[[Transaction], Page[Any]], found: list[str], total: int) -> None:
    with many.read() as tx:
        page = ask(tx)
    assert (names(page), page.total) == (found, total)


def test_pages_together_are_the_list(many: Database) -> None:
    with many.read() as tx:
        for per_page in (1, 2, 4, 6, 7):
            pages = [aliases.page(tx, page=number, per_page=per_page).items for number in range(1, 8)]
            assert [alias for page in pages for alias in page] == aliases.list_all(tx)


@pytest.mark.parametrize("search", ["\x00", "a\nb", "\ud800", "\x7f"])
def test_what_nothing_can_hold(world: Database, search: str) -> None:
    for noun in (accounts, domains, mailboxes, aliases):
        with refused(world, "invalid-request"), world.read() as tx:
            noun.page(tx, search=search)


def test_an_unknown_status(world: Database) -> None:
    with refused(world, "invalid-request") as error, world.read() as tx:
        domains.page(tx, status="made-up")
    assert error.value.field == "status"


def test_changes_by_id(world: Database) -> None:
    with world.write() as tx:
        domain = domains.add(tx, "c.com", account=ACME)
        assert domains.verify(tx, domain.id).status == "active"
        box = mailboxes.create(tx, "mary", domain.id, "correct horse", display_name="Mary")
        assert (box.address, mailboxes.get(tx, box.id)) == ("mary@c.com", box)
        alias = aliases.create(tx, "info", BRAND_B, box.id)
        assert (alias.address, alias.mailbox) == ("info@brand-b.com", "mary@c.com")
        assert aliases.update(tx, alias.id, mailbox=box.id, can_send=True) == aliases.get(tx, alias.id)
        assert aliases.list_all(tx, mailbox=box.id) == [aliases.get(tx, "info@brand-b.com", mailbox=box.id)]
        assert aliases.usage(tx, box.id).used == 1
        assert domain_settings.update(tx, domain.id, catch_all=box.id).catch_all.destination == "mary@c.com"
        assert domain_settings.update(tx, domain.id, system_mailbox=box.id).system_mailbox_id == box.id
        assert domain_settings.update(tx, domain.id, no_system_mailbox=True).system_mailbox_id is None
        assert domain_settings.set_catch_all(tx, domain.id, enabled=False).catch_all.destination == "mary@c.com"
        assert mailboxes.update(tx, box.id, is_active=False).is_active is False
        assert aliases.remove(tx, alias.id, mailbox=box.id).id == alias.id
        assert accounts.get(tx, ACME).usage.domains == 3
        assert domains.remove(tx, domain.id, confirmed=True).id == domain.id


def test_an_alias_of_another_mailbox(world: Database) -> None:
    with world.write() as tx:
        alias = aliases.add(tx, "sales@brand-b.com", JOHN)
        mary = mailboxes.add(tx, "mary@brand-a.com", "correct horse")
    attempts: list[Callable[[Transaction], object]] = [
        lambda tx: aliases.get(tx, alias.id, mailbox=mary.id),
        lambda tx: aliases.update(tx, alias.id, mailbox=mary.id, can_send=True),
        lambda tx: aliases.remove(tx, alias.address, mailbox="mary@brand-a.com"),
        lambda tx: aliases.get(tx, mary.id),
        lambda tx: mailboxes.get(tx, alias.id),
    ]
    for attempt in attempts:
        with refused(world, "not-found"), world.write() as tx:
            attempt(tx)


def test_an_account(world: Database) -> None:
    paid = datetime(2026, 1, 2, tzinfo=UTC)
    with world.write() as tx:
        made = accounts.create(tx, "new", "pro", is_trial=True, is_active=False, first_payment_at=paid)
        assert (made.is_trial, made.is_active, made.first_payment_at) == (True, False, paid)
        changed = accounts.update(tx, made.id, name="newer", is_trial=False, first_payment_at=None, is_active=True)
        assert (changed.name, changed.is_trial, changed.first_payment_at) == ("newer", False, None)
        assert accounts.get(tx, "newer") == changed
        assert accounts.remove(tx, made.id) == changed
    attempts: list[tuple[Callable[[Transaction], object], str]] = [
        (lambda tx: accounts.get(tx, made.id), "not-found"),
        (lambda tx: accounts.remove(tx, ACME), "conflict"),
        (lambda tx: accounts.update(tx, ACME, name="rival"), "conflict"),
        (lambda tx: accounts.update(tx, ACME, name=" "), "invalid-request"),
        (lambda tx: accounts.update(tx, ACME, first_payment_at=datetime.max.replace(tzinfo=UTC)), "invalid-request"),
    ]
    for attempt, code in attempts:
        with refused(world, code), world.write() as tx:
            attempt(tx)


CATCH_ALLS: list[tuple[dict[str, Any], tuple[bool, str | None] | str]] = [
    ({"enabled": True, "destination": JOHN}, (True, JOHN)),
    ({"destination": JOHN}, (False, JOHN)),
    ({"enabled": False, "destination": JOHN}, (False, JOHN)),
    ({"enabled": False}, (False, None)),
    ({}, (False, None)),
    ({"enabled": True}, "invalid-request"),
    ({"enabled": True, "destination": None}, "invalid-request"),
    ({"destination": "eve@rival.com"}, "destination-not-a-mailbox"),
    ({"destination": "sales@brand-b.com"}, "destination-not-a-mailbox"),
    ({"destination": "no address"}, "invalid-request"),
]


@pytest.mark.parametrize(("given", "found"), CATCH_ALLS)
def test_a_new_catch_all(world: Database, given: dict[str, Any], found: tuple[bool, str | None] | str) -> None:
    with world.write() as tx:
        aliases.add(tx, "sales@brand-b.com", JOHN)
    if isinstance(found, str):
        with refused(world, found) as error, world.write() as tx:
            domain_settings.set_catch_all(tx, BRAND_A, **given)
        assert error.value.field == "destination"
        return
    with world.write() as tx:
        catch_all = domain_settings.set_catch_all(tx, BRAND_A, **given).catch_all
    assert (catch_all.enabled, catch_all.destination) == found


def test_a_catch_all_that_is_there(world: Database) -> None:
    with world.write() as tx:
        domain_settings.set_catch_all(tx, BRAND_A, enabled=True, destination=JOHN)
        assert domain_settings.set_catch_all(tx, BRAND_A, enabled=False).catch_all.destination == JOHN
        assert domain_settings.set_catch_all(tx, BRAND_A, enabled=True).catch_all.enabled
        with pytest.raises(ServiceError):
            domain_settings.set_catch_all(tx, BRAND_A, destination=None)
        gone = domain_settings.set_catch_all(tx, BRAND_A, enabled=False, destination=None).catch_all
        assert (gone.enabled, gone.destination) == (False, None)
        domain_settings.update(tx, BRAND_A, is_active=False)
    changes: tuple[dict[str, Any], ...] = ({"enabled": True, "destination": JOHN}, {"destination": JOHN})
    for given in changes:
        with refused(world, "domain-not-active"), world.write() as tx:
            domain_settings.set_catch_all(tx, BRAND_A, **given)
    with world.write() as tx:
        assert not domain_settings.set_catch_all(tx, BRAND_A, enabled=False).catch_all.enabled
