"""Pictures of every page, at three widths and in both themes, and those of the docs.

    python -m tests.browser.shots FOLDER [--only WORD] [--docs]

Writes FOLDER/PAGE-WIDTH-THEME.png; with ``--docs`` only what docs/images holds, which is small enough to be committed.
The letters are Inter's where it is installed (Debian: fonts-inter): what Debian shows otherwise, few readers have.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import structlog
from playwright.sync_api import Browser, Page, sync_playwright

from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, OPERATOR, Visitor, dashboard
from tests.api.running_api import CLIENTS, RunningApi, site_over
from tests.browser import agency
from tests.browser.addresses import Example, examples
from tests.browser.conftest import _ARGUMENTS as ARGUMENTS
from tests.browser.conftest import CHROMIUM
from tests.browser.names import names
from tests.browser.palette import shrink
from tests.store.new_store import make_store

WIDTHS = {390: 844, 768: 1024, 1440: 900}  # and their heights, in pixels
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LARGEST = 120_000  # bytes of a picture in docs/images
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include><cachedir>{folder}</cachedir>
<match target="pattern"><test qual="any" name="family" compare="not_contains"><string>mono</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match></fontconfig>"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One of docs/images."""

    name: str
    pattern: str  # of its address
    width: int = 1120
    height: int = 700
    theme: Literal["light", "dark"] = "light"
    click: str | None = None  # a link or a button that is pressed first, and opens a dialog
    person: str | None = ADMIN


ALIASES = "/mailboxes/{john}/aliases"
DOCS = (
    Picture("mailboxes", "/mailboxes"),
    Picture("aliases", ALIASES, 1320, 860),
    Picture("aliases-dark", ALIASES, 1320, 860, theme="dark"),
    Picture("aliases-phone", ALIASES, 390, 844),
    Picture("delete", ALIASES, height=760, click="Delete"),
    Picture("domain", "/domains/{pending}", height=760),
    Picture("test", "/test?address=orders@harbour-bakery.example", height=700),
    Picture("bulk", "/bulk", height=700),
    Picture("audit", "/audit"),
    Picture("connection", "/mailboxes/{john}/connection", height=1000),
    Picture("account", "/account", height=560),
    Picture("operator", "/operator/accounts/{account}", height=900, person=OPERATOR),
    Picture("sign-in", "/login", 760, 480, person=None),
)


class Studio:
    """A browser before a running dashboard. Whoever is needed is signed in."""

    def __init__(self, browser: Browser, running: RunningApi, ids: Mapping[str, int]) -> None:
        self._browser, self._url, self._ids = browser, running.url, ids
        self._cookie = cache(lambda name: Visitor(running.url).signed_in(name).client.cookies["byname"])

    @contextmanager
    def page(self, example: Example, width: int, height: int, theme: Literal["light", "dark"]) -> Iterator[Page]:
        """Open a page."""
        context = self._browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        if example.person:
            cookie = self._cookie(example.person)
            context.add_cookies([{"name": "byname", "value": cookie, "url": self._url}])
        page = context.new_page()
        page.goto(self._url + example.path(self._ids))
        yield page
        context.close()

    def everything(self, folder: Path, only: str) -> None:
        """Take all pages, whole."""
        for example in [one for one in examples() if only in one.pattern]:
            name = re.sub(r"[^a-z0-9]+", "-", example.pattern).strip("-") or "start"
            for theme in THEMES:
                for width, height in WIDTHS.items():
                    with self.page(example, width, height, theme) as page:
                        page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True)

    def docs(self, folder: Path, only: str) -> list[str]:
        """Take the pictures of the docs; return what is too large."""
        paths = [self._picture(picture, folder) for picture in DOCS if only in picture.name]
        empty = self._browser.new_page()
        for path in paths:
            shrink(empty, path)
        empty.close()
        return [f"{path}: {path.stat().st_size} bytes" for path in paths if path.stat().st_size > LARGEST]

    def _picture(self, picture: Picture, folder: Path) -> Path:
        path, example = folder / f"{picture.name}.png", Example(picture.pattern, picture.person)
        with self.page(example, picture.width, picture.height, picture.theme) as page:
            if picture.click:
                link = page.get_by_role("link", name=picture.click)
                link.or_(page.get_by_role("button", name=picture.click)).first.click()
                page.get_by_role("dialog").wait_for()
            page.evaluate("document.activeElement?.blur()")
            page.screenshot(path=path)
        return path


@contextmanager
def studio() -> Iterator[Studio]:
    """Start all that is needed in a folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="byname-shots-"))
    url = f"sqlite:///{folder / 'byname.db'}"
    fonts = folder / "fonts.conf"
    fonts.write_text(_FONTS.format(folder=folder))
    make_store(url)
    database = Database.open(url)
    ids = names(database, agency.fill(database))
    running = RunningApi(site_over(database, dashboard=dashboard(), clients=CLIENTS))
    try:
        with sync_playwright() as playwright:
            environ: dict[str, str | float | bool] = {**os.environ, "FONTCONFIG_FILE": str(fonts)}
            arguments = [*ARGUMENTS, "--disable-lcd-text"]  # grey edges of letters, as on most screens, take less room
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, env=environ)
            yield Studio(browser, running, ids)
            browser.close()
    finally:
        running.close()
        database.close()
        shutil.rmtree(folder)


def main() -> int:
    """Take the pictures; return 1 when one for the docs is too large."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.shots", description="Pictures of every page.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="a part of the address, or of the name in the docs")
    parser.add_argument("--docs", action="store_true", help="only the pictures of the docs")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    too_large: list[str] = []
    with studio() as ready:
        if given.docs:
            too_large = ready.docs(given.folder, given.only)
        else:
            ready.everything(given.folder, given.only)
    sys.stderr.writelines(f"too large: {one}\n" for one in too_large)
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
