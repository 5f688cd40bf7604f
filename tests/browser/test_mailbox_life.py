"""A mailbox made and deleted in a real browser: with JavaScript, without, and by keyboard alone."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from store.errors import ServiceError
from store.services import mailboxes
from store.sql.database import Database
from tests.api.dashboard.test_mailbox_list import accepts
from tests.api.dashboard.visitor import World
from tests.api.running_api import RunningApi
from tests.browser.conftest import open_page

ANNA = "anna@brand-a.test"


@pytest.fixture(params=[True, False], ids=["javascript", "without"])
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    opened = chromium.new_context(java_script_enabled=request.param)
    yield opened
    opened.close()


def is_there(database: Database) -> bool:
    try:
        with database.read() as tx:
            mailboxes.get(tx, ANNA)
    except ServiceError:
        return False
    return True


def test_made_and_deleted(context: BrowserContext, pages: RunningApi, database: Database, world: World) -> None:
    page, watch = open_page(context, pages)
    page.locator("summary", has_text="New Mailbox").click()
    page.get_by_label("Name before the @").fill("Anna")
    page.get_by_role("button", name="Add Mailbox").click()
    expect(page.get_by_role("alert")).to_contain_text("upper case is not allowed")
    expect(page.get_by_label("Name before the @")).to_have_value("Anna")
    page.get_by_label("Name before the @").fill("anna")
    page.get_by_role("button", name="Add Mailbox").click()
    expect(page.get_by_role("heading", name=f"{ANNA} is made")).to_be_visible()
    secret = page.locator(".secret").inner_text()
    assert accepts(database, ANNA, secret)
    assert secret not in page.url

    page.get_by_role("row", name=ANNA).get_by_role("link", name="Settings").click()
    with suppress(Error):  # without JavaScript it was the answer to a form, which the browser asks to send again
        page.go_back()
        expect(page.get_by_role("heading", name="Mailboxes")).to_be_visible()
    expect(page.locator(".secret")).to_have_count(0)
    page.goto(f"{pages.url}/mailboxes?search=anna")

    page.get_by_role("row", name=ANNA).get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="General").click()
    page.get_by_role("button", name="Delete this mailbox").click()
    expect(page.get_by_role("heading", name=f"Delete {ANNA}?")).to_be_visible()
    expect(page.get_by_role("link", name="Keep it")).to_be_focused()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("alert")).to_contain_text(f"type its address: {ANNA}")
    assert is_there(database)
    page.get_by_label("To delete it, type").fill(ANNA)
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("The mailbox is deleted, with its aliases.")).to_be_visible()
    assert not is_there(database)
    assert (watch.said, watch.asked) == ([], [])


def test_by_keyboard_alone(chromium: Browser, pages: RunningApi, database: Database, world: World) -> None:
    context = chromium.new_context()
    page, watch = open_page(context, pages)
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Tab")  # out of the search, where keys are letters
    page.keyboard.press("Tab")
    press_n(page)
    page.keyboard.type("anna")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"{ANNA} is made")).to_be_visible()
    assert is_there(database)
    press_n(page)
    page.keyboard.type("Anna Two")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("spaces are not allowed")
    expect(page.get_by_label("Name before the @")).to_be_focused()
    page.goto(f"{pages.url}/mailboxes/{world.john}/general")
    page.get_by_role("button", name="Delete this mailbox").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Keep it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="This mailbox")).to_be_visible()
    assert (watch.said, watch.asked) == ([], [])
    context.close()


def press_n(page: Page) -> None:
    page.keyboard.press("n")
    expect(page.get_by_label("Name before the @")).to_be_focused()
