"""The life of an alias in a real browser: by mouse, by keyboard alone, with JavaScript off."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from store.errors import ServiceError
from store.passwords import PasswordHash, hash_password
from store.services import admins, aliases
from store.services.views import Alias
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, Cache, World
from tests.api.running_api import RunningApi
from tests.browser.conftest import open_page

SHOP = "shop@brand-b.test"


@pytest.fixture(params=[True, False], ids=["javascript", "without"])
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    opened = chromium.new_context(java_script_enabled=request.param)
    yield opened
    opened.close()


def alias(database: Database) -> Alias:
    with database.read() as tx:
        return aliases.get(tx, SHOP)


def row(page: Page) -> Locator:
    return page.get_by_role("row", name=SHOP)


def press(page: Page, name: str, becomes: str) -> None:
    row(page).get_by_role("button", name=name).click()
    expect(row(page).get_by_role("button", name=becomes)).to_be_visible()
    expect(row(page).get_by_text("live on the mail server")).to_be_visible()


def test_an_alias_from_first_to_last(
    context: BrowserContext, pages: RunningApi, database: Database, world: World
) -> None:
    page, watch = open_page(context, pages)
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("row", name="john@brand-a.test").get_by_role("link", name="Settings").click()
    expect(page.get_by_text("2 of 30")).to_be_visible()

    page.locator("summary", has_text="New Alias").click()
    page.get_by_label("Name before the @").fill("Shop Team")
    page.get_by_label("Domain").select_option("brand-b.test")
    page.get_by_role("button", name="Add Alias").click()
    expect(page.get_by_role("alert")).to_contain_text("spaces are not allowed. For example: shop-team")
    expect(page.get_by_label("Name before the @")).to_have_value("Shop Team")
    expect(page.get_by_label("Domain").locator("option:checked")).to_have_text("brand-b.test")
    page.get_by_label("Name before the @").fill("shop")
    page.get_by_role("button", name="Add Alias").click()
    expect(row(page)).to_be_visible()
    expect(page.get_by_text("3 of 30")).to_be_visible()
    assert (alias(database).can_receive, alias(database).can_send) == (True, False)

    press(page, "Send: Off", "Send: On")
    press(page, "Receive: On", "Receive: Off")
    press(page, "Disable", "Enable")
    press(page, "Enable", "Disable")
    assert (alias(database).can_receive, alias(database).can_send, alias(database).is_active) == (False, True, True)

    row(page).get_by_role("link", name="Delete").click()
    expect(page.get_by_text("mary@brand-a.test")).to_be_visible()
    expect(page.get_by_text("Have you shared this alias with clients or partners?")).to_be_visible()
    expect(page.locator("[data-dialog-content]").get_by_role("button", name="Disable")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row(page).get_by_text("Disabled")).to_be_visible()
    assert not alias(database).is_active

    row(page).get_by_role("link", name="Delete").click()
    page.locator("[data-dialog-content]").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The alias is deleted.")).to_be_visible()
    expect(row(page)).to_have_count(0)
    with pytest.raises(ServiceError):
        alias(database)

    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert (watch.said, watch.asked) == ([], [])


def test_by_keyboard_alone(chromium: Browser, pages: RunningApi, database: Database, world: World) -> None:
    context = chromium.new_context()
    page, watch = open_page(context, pages)
    page.goto(f"{pages.url}/mailboxes/{world.john}/aliases")
    page.keyboard.press("n")
    expect(page.get_by_label("Name before the @")).to_be_focused()
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="first@brand-a.test")).to_be_visible()
    expect(page.get_by_label("Name before the @")).to_be_focused()
    expect(page.get_by_label("Name before the @")).to_have_value("")
    link = page.get_by_role("row", name="first@brand-a.test").get_by_role("link", name="Delete")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(link).to_be_focused()
    switch = page.get_by_role("row", name="first@brand-a.test").get_by_role("button", name="Send: Off")
    switch.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="first@brand-a.test").get_by_role("button", name="Send: On")).to_be_focused()
    page.keyboard.press("?")
    page.get_by_label("Single keys switched on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.get_by_label("Name before the @")).not_to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(".menu summary").press("Enter")
    page.get_by_role("button", name="Keys").press("Enter")
    page.get_by_label("Single keys switched on").check()
    page.keyboard.press("Escape")
    page.goto(f"{pages.url}/account/people")
    page.keyboard.press("n")
    expect(page.get_by_label("Mail address")).to_be_focused()
    assert (watch.said, watch.asked) == ([], [])
    context.close()


def test_a_change_turns_live_by_itself(chromium: Browser, pages: RunningApi, cache: Cache, world: World) -> None:
    context = chromium.new_context()
    page, watch = open_page(context, pages)
    page.goto(f"{pages.url}/mailboxes/{world.john}/aliases")
    cache.says = "pending"
    sales = page.get_by_role("row", name="sales@brand-b.test")
    sales.get_by_role("button", name="Disable").click()
    expect(sales.get_by_text("on its way to the mail server")).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.type("being-typed")
    cache.says = "live"
    expect(sales.get_by_text("live on the mail server")).to_be_visible()
    expect(page.get_by_label("Name before the @")).to_have_value("being-typed")
    assert (watch.said, watch.asked) == ([], [])
    context.close()


def test_nothing_typed_is_lost_when_the_server_is_silent(chromium: Browser, pages: RunningApi, world: World) -> None:
    context = chromium.new_context()
    page, _ = open_page(context, pages)
    page.goto(f"{pages.url}/mailboxes/{world.john}/aliases")
    page.keyboard.press("n")
    page.keyboard.type("shop")
    context.set_offline(True)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The server did not answer. Try again.")
    expect(page.get_by_label("Name before the @")).to_have_value("shop")
    context.set_offline(False)
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="shop@brand-a.test")).to_be_visible()
    context.close()


def test_nothing_typed_is_lost_when_the_session_ends(
    chromium: Browser, pages: RunningApi, database: Database, world: World
) -> None:
    context = chromium.new_context()
    page, _ = open_page(context, pages)
    page.goto(f"{pages.url}/mailboxes/{world.john}/aliases")
    page.keyboard.press("n")
    page.keyboard.type("shop")
    with database.write() as tx:
        admins.reset(tx, ADMIN, PasswordHash(hash_password("another one")))
    page.keyboard.press("Enter")
    page.get_by_label("Mail address").fill(ADMIN)
    page.get_by_label("Password").fill("another one")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name before the @")).to_have_value("shop")
    page.get_by_role("button", name="Add Alias").click()
    expect(page.get_by_role("row", name="shop@brand-a.test")).to_be_visible()
    context.close()
