"""Debian's Chromium, started once, and the dashboard's server behind it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.api.dashboard.conftest import cache, database, filled, filled_sqlite, kind, opened, pages, server, world
from tests.api.dashboard.visitor import ADMIN, Visitor
from tests.api.running_api import RunningApi

__all__ = ["cache", "database", "filled", "filled_sqlite", "kind", "opened", "pages", "server", "world"]

expect.set_options(timeout=20_000)  # milliseconds; a machine with other work is slow

CHROMIUM = Path("/usr/bin/chromium-headless-shell")  # half the CPU time of the whole browser
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_REFUSED = re.compile(r"status of 4\d\d")  # what Chromium notes of a form that is refused


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        missing = f"{CHROMIUM} is not installed: the pages cannot be tried in a browser"
        if os.environ.get("CI") or os.geteuid() == 0:
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


class Watch:
    """What a page says on its console, and asks of other hosts."""

    def __init__(self, page: Page, own: str) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self._own = own
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if not _REFUSED.search(message.text):
            self.said.append(message.text)

    def _see(self, request: Request) -> None:
        if not request.url.startswith((self._own, "data:")):
            self.asked.append(request.url)


def open_page(context: BrowserContext, pages: RunningApi, name: str = ADMIN) -> tuple[Page, Watch]:
    """Open a page, signed in."""
    page = context.new_page()
    page.set_default_timeout(20_000)
    watch = Watch(page, pages.url)
    cookie = Visitor(pages.url).signed_in(name).client.cookies["byname"]
    context.add_cookies([{"name": "byname", "value": cookie, "url": pages.url}])
    page.goto(f"{pages.url}/mailboxes")
    return page, watch
