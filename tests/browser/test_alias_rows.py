"""The Aliases tab in a real browser: names checked while one types, notes, copying, ticked rows, a long list."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from store.services import accounts, aliases
from store.services.views import Alias
from store.sql.database import Database
from tests.api.dashboard.visitor import JOHN, World
from tests.api.running_api import RunningApi
from tests.browser.conftest import Watch, open_page


@pytest.fixture(params=[True, False], ids=["javascript", "without"])
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    opened = chromium.new_context(java_script_enabled=request.param)
    yield opened
    opened.close()


@pytest.fixture
def scripted(chromium: Browser) -> Iterator[BrowserContext]:
    opened = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    yield opened
    opened.close()


def tab(context: BrowserContext, pages: RunningApi, world: World) -> tuple[Page, Watch]:
    page, watch = open_page(context, pages)
    page.goto(f"{pages.url}/mailboxes/{world.john}/aliases")
    return page, watch


def johns(database: Database) -> list[Alias]:
    with database.read() as tx:
        return aliases.list_all(tx, mailbox=JOHN)


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row", name=name)


def test_ticked_rows(context: BrowserContext, pages: RunningApi, database: Database, world: World) -> None:
    page, watch = tab(context, pages, world)
    bar = page.get_by_role("group", name="What to do with the ticked aliases")
    expect(bar).to_be_hidden()
    row(page, "sales@brand-b.test").get_by_role("checkbox").check()
    row(page, "info@brand-a.test").get_by_role("checkbox").check()
    bar.get_by_role("button", name="Send: On").click()
    expect(page.get_by_text("2 aliases are changed.")).to_be_visible()
    assert [one.can_send for one in johns(database)] == [True, True]
    row(page, "sales@brand-b.test").get_by_role("checkbox").check()
    row(page, "info@brand-a.test").get_by_role("checkbox").check()
    bar.get_by_role("button", name="Delete").click()
    question = page.locator("[data-dialog-content]")
    expect(question.get_by_role("heading", name="Delete 2 aliases?")).to_be_visible()
    expect(question.get_by_role("listitem").filter(has_text="sales@brand-b.test")).to_contain_text("mary@brand-a.test")
    expect(question.get_by_role("button", name="Disable them")).to_be_focused()
    question.get_by_role("button", name="Delete 2").click()
    expect(page.get_by_text("2 aliases are deleted.")).to_be_visible()
    expect(page.get_by_text("No aliases yet.")).to_be_visible()
    assert johns(database) == []
    assert (watch.said, watch.asked) == ([], [])


def test_a_note(context: BrowserContext, pages: RunningApi, database: Database, world: World) -> None:
    page, watch = tab(context, pages, world)
    row(page, "sales@brand-b.test").get_by_role("link", name="Add a note").click()
    page.get_by_label("What this address is for").fill("x" * 501)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The note must have at most 500 characters.")
    expect(page.get_by_label("What this address is for")).to_have_value("x" * 501)
    page.get_by_label("What this address is for").fill("for the shop")
    page.keyboard.press("Enter")
    expect(row(page, "sales@brand-b.test").get_by_role("link", name="for the shop")).to_be_visible()
    assert (watch.said, watch.asked) == ([], [])


def test_a_name_is_checked_while_one_types(scripted: BrowserContext, pages: RunningApi, world: World) -> None:
    page, watch = tab(scripted, pages, world)
    page.keyboard.press("n")
    said = page.locator(".checked")
    for typed, answer in (
        ("Sales Team", "spaces are not allowed. For example: sales-team"),
        ("postmaster", "is a system address"),
        ("info", "info@brand-a.test is taken already."),
        ("shop", "shop@brand-a.test is free."),
    ):
        page.get_by_label("Name before the @").fill(typed)
        expect(said).to_contain_text(answer)
    page.get_by_label("Domain").select_option("brand-b.test")
    expect(said).to_contain_text("shop@brand-b.test is free.")
    page.get_by_label("Name before the @").press("Enter")
    expect(row(page, "shop@brand-b.test")).to_be_visible()
    expect(page.get_by_label("Name before the @")).to_be_focused()
    expect(page.get_by_label("Domain").locator("option:checked")).to_have_text("brand-b.test")
    expect(said).to_have_text("shop@brand-b.test is made.")
    assert (watch.said, watch.asked) == ([], [])


def test_the_address_copies_itself(scripted: BrowserContext, pages: RunningApi, world: World) -> None:
    page, watch = tab(scripted, pages, world)
    address = page.get_by_role("button", name="sales@brand-b.test")
    assert address.inner_html() == "sales<wbr>@brand-b.test"  # a narrow column breaks it there
    address.click()
    expect(page.locator("#said")).to_have_text("sales@brand-b.test is copied")
    assert page.evaluate("navigator.clipboard.readText()") == "sales@brand-b.test"
    assert (watch.said, watch.asked) == ([], [])


@pytest.mark.parametrize("width", [929, 1024, 1119])
def test_nothing_is_cut_off_where_the_table_just_fits(
    scripted: BrowserContext, pages: RunningApi, world: World, width: int
) -> None:
    """From 929 pixels on the aliases are a table; narrower, each stands by itself."""
    page, _ = tab(scripted, pages, world)
    page.set_viewport_size({"width": width, "height": 900})
    over = page.evaluate(
        "[...document.querySelectorAll('.aliases')].map((one) => "
        "one.getBoundingClientRect().right - one.parentElement.getBoundingClientRect().right)"
    )
    assert over
    assert max(over) <= 0


def test_a_hundred_aliases(scripted: BrowserContext, pages: RunningApi, database: Database, world: World) -> None:
    with database.write() as tx:
        accounts.update(tx, "acme", plan="agency")
        for number in range(97):
            aliases.add(tx, f"name{number:02}@brand-b.test", JOHN)
    page, watch = tab(scripted, pages, world)
    switch = row(page, "name90@brand-b.test").get_by_role("button", name="Send: Off")
    switch.scroll_into_view_if_needed()
    row(page, "name88@brand-b.test").get_by_role("checkbox").check()
    before = page.evaluate("scrollY")
    switch.click()
    expect(row(page, "name90@brand-b.test").get_by_role("button", name="Send: On")).to_be_focused()
    assert abs(page.evaluate("scrollY") - before) < 20
    expect(row(page, "name88@brand-b.test").get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("/")
    page.keyboard.type("name4")
    expect(page.get_by_role("row").filter(has_text="@brand")).to_have_count(10)
    expect(page.locator(".ticked .count")).to_have_text("1 ticked, 1 not shown")
    page.get_by_label("Tick all that are shown").check()
    expect(page.locator(".ticked .count")).to_have_text("10 ticked")
    page.locator("#all-disable").click()
    expect(page.get_by_text("10 aliases are changed.")).to_be_visible()
    assert sum(not one.is_active for one in johns(database)) == 10
    page.keyboard.press("n")
    page.keyboard.type("last")
    page.keyboard.press("Enter")
    expect(page.get_by_text("100 of 100")).to_be_visible()
    assert (watch.said, watch.asked) == ([], [])


def test_two_admins_at_once(context: BrowserContext, pages: RunningApi, database: Database, world: World) -> None:
    page, watch = tab(context, pages, world)
    with database.write() as tx:
        aliases.remove(tx, world.sales)
    row(page, "sales@brand-b.test").get_by_role("button", name="Disable").click()
    expect(page.get_by_role("alert")).to_contain_text("This alias is not there any more")
    expect(row(page, "sales@brand-b.test")).to_have_count(0)
    expect(row(page, "info@brand-a.test")).to_be_visible()
    assert watch.asked == []
