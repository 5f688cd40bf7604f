"""More than one at work on the same mailbox, and what they are told then."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from store.passwords import PasswordHash, hash_password
from store.services import admins, aliases
from store.sql.database import Database
from tests.api.dashboard.visitor import PASSWORD, World
from tests.api.running_api import RunningApi
from tests.browser.conftest import Watch, open_page
from tests.store.filling import fill_up

SECOND = "second@agency.example"


@pytest.fixture
def two(chromium: Browser, pages: RunningApi, database: Database, world: World) -> Iterator[tuple[Page, Page]]:
    """Two admins, each with a browser, and the aliases of John in it."""
    with database.write() as tx:
        admins.create(tx, SECOND, PasswordHash(hash_password(PASSWORD)), account="acme")
    contexts = [chromium.new_context() for _ in range(2)]
    opened: list[tuple[Page, Watch]] = [
        open_page(contexts[0], pages),
        open_page(contexts[1], pages, SECOND),
    ]
    for page, _ in opened:
        page.goto(f"{pages.url}/mailboxes/{world.john}/aliases")
    yield opened[0][0], opened[1][0]
    assert [(watch.said, watch.asked) for _, watch in opened] == [([], []), ([], [])]
    for context in contexts:
        context.close()


def addresses(database: Database, world: World) -> list[str]:
    with database.read() as tx:
        return [alias.address for alias in aliases.list_all(tx, mailbox=world.john)]


def test_one_disables_what_the_other_deletes(two: tuple[Page, Page], database: Database, world: World) -> None:
    """Who asked to delete and was answered has it deleted; who comes later is told, and brings nothing back."""
    one, other = two
    one.get_by_role("row", name="sales@").get_by_role("link", name="Delete").click()
    expect(one.get_by_role("dialog")).to_be_visible()
    row = other.get_by_role("row", name="sales@")
    row.get_by_role("button", name="Disable").click()
    expect(row.get_by_role("button", name="Enable")).to_be_visible()
    one.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(one.get_by_text("The alias is deleted.")).to_be_visible()
    row.get_by_role("button", name="Enable").click()
    told = other.get_by_role("heading", name="There is nothing here").or_(other.get_by_text("not there any more"))
    expect(told).to_be_visible()
    assert addresses(database, world) == ["info@brand-a.test"]


def test_both_make_the_same(two: tuple[Page, Page], database: Database, world: World) -> None:
    """One gets it; the other is told at the field, where the name still stands."""
    for page in two:
        page.keyboard.press("n")
        page.keyboard.type("shop")
        page.keyboard.press("Enter")
        expect(page.get_by_text("live on the mail server").or_(page.get_by_text("is taken already"))).to_be_visible()
    expect(two[1].get_by_label("Name before the @")).to_have_value("shop")
    expect(two[1].get_by_label("Name before the @")).to_be_focused()
    assert addresses(database, world).count("shop@brand-a.test") == 1


def test_the_last_that_the_plan_allows(two: tuple[Page, Page], database: Database, world: World) -> None:
    """Of two that ask for it, one gets it. Both see then what the plan allows, and where another one is to be had."""
    with database.write() as tx:
        fill_up(tx, 27, world.john)
    for number, page in enumerate(two):
        page.keyboard.press("n")
        page.keyboard.type(f"last-{number}")
        page.keyboard.press("Enter")
        expect(page.get_by_text("30 of 30")).to_be_visible()
        expect(page.get_by_role("link", name="See the plans")).to_have_attribute("href", "https://plans.example/")
    found = addresses(database, world)
    assert ("last-0@brand-a.test" in found, "last-1@brand-a.test" in found, len(found)) == (True, False, 30)
