"""Every page of the dashboard in both themes: no barrier, nothing cut off, all targets large, the console silent."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, Visitor, World, dashboard
from tests.api.running_api import RunningApi, site_over
from tests.browser.addresses import ADDRESSES, Example, examples, pages_by_address
from tests.browser.axe import barriers
from tests.browser.conftest import Watch
from tests.browser.looks import (
    HEIGHT,
    WIDTHS,
    faults,
    faults_in_the_dark,
    field_faults,
    focus_faults,
    moving,
    too_small,
    too_wide,
    untidy,
)
from tests.browser.names import names


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, filled: tuple[Path, World]) -> Iterator[RunningApi]:
    """One server for all: the pages are only looked at."""
    copied = shutil.copy(filled[0], tmp_path_factory.mktemp("pages") / "byname.db")
    opened = Database.open(f"sqlite:///{copied}")
    running = RunningApi(site_over(opened, dashboard=dashboard()))
    yield running
    running.close()
    opened.close()


@pytest.fixture(scope="module")
def ids(shared: RunningApi, filled: tuple[Path, World]) -> dict[str, int]:
    return names(shared.database, filled[1])


@pytest.fixture(scope="module")
def signed_in(shared: RunningApi) -> Callable[[str], str]:
    """The cookie of somebody's session, by name."""

    @cache
    def cookie(name: str) -> str:
        visitor = Visitor(shared.url).signed_in(name)
        return visitor.client.cookies["byname"]

    return cookie


class Reader:
    """Somebody with a browser of a theme; who likes it dark asks for less motion as well."""

    def __init__(self, context: BrowserContext, shared: RunningApi, theme: str) -> None:
        self.context, self.theme = context, theme
        self.page = context.new_page()
        self.watch = Watch(self.page, shared.url)

    def open(self, path: str) -> Page:
        self.page.set_viewport_size({"width": WIDTHS[-1], "height": HEIGHT})
        self.watch.said.clear()
        self.watch.asked.clear()
        self.page.goto(path)
        self.page.evaluate("document.querySelectorAll('details.program').forEach((one) => { one.open = true; })")
        return self.page

    def faults(self) -> list[str]:
        """Return all that is wrong with the page that is open."""
        return faults(self.page) if self.theme == "light" else faults_in_the_dark(self.page)


@pytest.fixture(scope="module", params=["light", "dark"])
def reader(
    request: pytest.FixtureRequest, chromium: Browser, shared: RunningApi, signed_in: Callable[[str], str]
) -> Iterator[Callable[[str | None], Reader]]:
    """A reader, by the name that is signed in."""
    theme = request.param

    @cache
    def opened(name: str | None) -> Reader:
        motion = "reduce" if theme == "dark" else "no-preference"
        context = stack.enter_context(
            chromium.new_context(color_scheme=theme, reduced_motion=motion, base_url=shared.url)  # type: ignore[arg-type]
        )
        if name:
            context.add_cookies([{"name": "byname", "value": signed_in(name), "url": shared.url}])
        return Reader(context, shared, theme)

    with ExitStack() as stack:
        yield opened


Readers = Callable[[str | None], Reader]


def test_every_page_is_listed() -> None:
    assert set(ADDRESSES) == pages_by_address(), "tests/browser/addresses.py has a line for each page"


@pytest.mark.parametrize("example", list(examples()), ids=str)
def test_a_page(reader: Readers, shared: RunningApi, ids: dict[str, int], example: Example) -> None:
    path, looking = example.path(ids), reader(example.person)
    page = looking.open(path)
    assert page.url == shared.url + path
    assert (looking.faults(), looking.watch.said, looking.watch.asked) == ([], [], [])


@pytest.mark.parametrize("path", ["/none", "/mailboxes/{eve}/aliases"])
def test_where_nothing_is(reader: Readers, world: World, path: str) -> None:
    looking = reader(ADMIN)
    looking.open(path.format(eve=world.eve))
    assert (looking.faults(), looking.watch.asked) == ([], [])


def test_a_dialog(reader: Readers, world: World) -> None:
    """The question before deleting, as it covers the page."""
    looking = reader(ADMIN)
    page = looking.open(f"/mailboxes/{world.john}/aliases")
    page.get_by_role("link", name="Delete").first.click()
    page.get_by_role("dialog").wait_for()
    assert (barriers(page), looking.watch.said) == ([], [])


def test_a_password_can_be_pasted(reader: Readers) -> None:
    """Nothing is to be remembered, solved or typed from somewhere else (WCAG 2.2, 3.3.8)."""
    looking = reader(None)
    page = looking.open("/login")
    fields = [page.get_by_label("Mail address"), page.get_by_label("Password", exact=True)]
    assert [field.get_attribute("autocomplete") for field in fields] == ["username", "current-password"]
    looking.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('a long passphrase')")
    fields[1].press("Control+V")
    assert fields[1].input_value() == "a long passphrase"


def test_faults_are_found(chromium: Browser) -> None:
    """None found elsewhere means that there are none: here each kind is, and is named."""
    page = chromium.new_page(viewport={"width": 360, "height": HEIGHT})
    page.set_content(_BAD)
    kinds = (untidy, too_small, focus_faults, field_faults, moving, barriers)
    named = (too_wide(page, 360), *(kind(page) for kind in kinds))
    assert [{fault.partition(":")[0] for fault in found} for found in named] == [
        {"508 pixels wide at 360"},
        {"torn", "not in one line"},
        {"under 24 pixels"},
        {"not seen when focused", "out of order"},
        {"no password manager", "no pasting", "twice"},
        {"moves"},
        {"color-contrast", "target-size", "tabindex"},
    ]
    page.close()


_BAD = """<!doctype html><html lang="en"><title>Bad</title><main><h1 id="a">Bad</h1>
<p id="a" style="color: #aaa; background: #fff; width: 500px">Hard to read</p>
<button style="width: 12px; height: 12px" aria-label="Go"></button><button style="width: 9px; height: 12px">x</button>
<p><a href="#a" tabindex="3" style="transition: color 2s">Here</a></p>
<label style="position: absolute; top: 20rem">Password
  <input type="password" name="password" autocomplete="off" onpaste="return false"></label>
<h1 style="width: 5rem; overflow-wrap: anywhere">someone@brand-a.example</h1>
<div class="sides" style="display: grid; grid-template-columns: 5rem 5rem; gap: 1rem">
  <p>One</p><p style="margin-top: 2rem">Two</p></div>
<div style="position: fixed; top: 18rem; width: 100%; height: 6rem; background: #fff">Covers</div></main>"""
