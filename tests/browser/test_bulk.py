"""Bulk in a real browser, with and without JavaScript: paste, check, apply; nothing pasted is lost with the session."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from store.passwords import PasswordHash, hash_password
from store.services import admins, aliases
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, JOHN
from tests.api.running_api import RunningApi
from tests.browser.conftest import open_page

TEXT = f"address,mailbox,note\nshop@brand-b.test,{JOHN},for the shop\nBad Name@brand-b.test,{JOHN},\n"


@pytest.fixture(params=[True, False], ids=["javascript", "without"])
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    opened = chromium.new_context(java_script_enabled=request.param)
    yield opened
    opened.close()


def test_paste_check_apply(context: BrowserContext, pages: RunningApi, database: Database) -> None:
    page, watch = open_page(context, pages)
    page.get_by_role("link", name="Bulk").click()
    expect(page.get_by_label("Paste it here")).to_be_focused()  # else Chromium notes that somebody was quicker than it
    page.get_by_label("Paste it here").fill("a;b")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("separated by semicolons")
    expect(page.get_by_label("Paste it here")).to_have_value("a;b")
    page.get_by_label("Paste it here").fill(TEXT)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="What it would do")).to_be_visible()
    expect(page.get_by_role("row", name="Bad Name@brand-b.test")).to_contain_text("spaces are not allowed")
    page.get_by_role("button", name="Apply to 1 alias").click()
    expect(page.get_by_role("heading", name="Applied")).to_be_visible()
    expect(page.get_by_text("live on the mail server")).to_be_visible()
    with database.read() as tx:
        assert aliases.get(tx, "shop@brand-b.test").note == "for the shop"
    page.get_by_role("link", name="Bring in more").click()
    expect(page.get_by_label("Paste it here")).to_have_value("")
    assert (watch.said, watch.asked) == ([], [])


def test_a_file(context: BrowserContext, pages: RunningApi) -> None:
    page, watch = open_page(context, pages)
    page.goto(f"{pages.url}/bulk")
    page.get_by_label("A virtual file of Postfix").check()
    content = f"shop@brand-b.test {JOHN}\n".encode()
    page.get_by_label("Or choose a file").set_input_files(
        {"name": "virtual", "mimeType": "text/plain", "buffer": content}
    )
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("row", name="shop@brand-b.test")).to_contain_text("to be made")
    assert (watch.said, watch.asked) == ([], [])


def test_what_was_pasted_outlives_the_session(chromium: Browser, pages: RunningApi, database: Database) -> None:
    context = chromium.new_context()
    page, _ = open_page(context, pages)
    page.goto(f"{pages.url}/bulk")
    page.get_by_label("Paste it here").fill(TEXT)
    with database.write() as tx:
        admins.reset(tx, ADMIN, PasswordHash(hash_password("another one")))
    page.get_by_role("button", name="Check").click()
    page.get_by_label("Mail address").fill(ADMIN)
    page.get_by_label("Password").fill("another one")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Paste it here")).to_have_value(TEXT)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="What it would do")).to_be_visible()
    context.close()
