"""A token in a real browser: made, copied, gone when the page is opened again, revoked; with JavaScript and without."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from store.services import tokens
from store.sql.database import Database
from tests.api.running_api import RunningApi
from tests.browser.conftest import open_page


@pytest.fixture(params=[True, False], ids=["javascript", "without"])
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    opened = chromium.new_context(java_script_enabled=request.param)
    yield opened
    opened.close()


def count(database: Database) -> int:
    with database.read() as tx:
        return len(tokens.list_all(tx))


def test_a_token_from_first_to_last(context: BrowserContext, pages: RunningApi, database: Database) -> None:
    page, watch = open_page(context, pages)
    page.get_by_role("link", name="Account").click()
    page.get_by_role("link", name="Tokens").click()
    page.get_by_label("Name", exact=True).fill("website")
    page.get_by_role("button", name="Add Token").click()
    expect(page.get_by_role("alert")).to_contain_text("A token needs a scope.")
    expect(page.get_by_label("Name", exact=True)).to_have_value("website")
    page.get_by_label("See, add, change and delete aliases").check()
    page.get_by_role("button", name="Add Token").click()
    secret = page.locator("#secret")
    expect(secret).to_be_visible()
    shown = secret.inner_text()
    assert shown not in page.url
    page.reload()  # without JavaScript the same form is sent once more
    expect(page.get_by_role("row", name="website")).to_be_visible()
    assert shown not in page.content()
    assert count(database) == 1

    page.get_by_role("link", name="Tokens").click()
    page.get_by_role("link", name="Revoke website").click()
    expect(page.get_by_role("heading", name="Revoke “website”?")).to_be_visible()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The token is revoked")).to_be_visible()
    assert count(database) == 0
    assert watch.asked == []
