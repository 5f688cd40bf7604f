"""Roundcube's pages as a person uses them, and its database as nobody sees it."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
from playwright.sync_api import Browser, FrameLocator, Page

from byname.sandbox.site import PrivateSite

_TOKEN = re.compile(r'name="_token" value="(\w+)"')
FIRST_PAGE = "**/?_task=mail*"


@contextmanager
def logged_in(chromium: Browser, site: PrivateSite, login: str) -> Iterator[Page]:
    """Open a browser of one's own, log in, and wait until the list of mails is there."""
    with closing(chromium.new_context(viewport={"width": 1280, "height": 800})) as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(site.roundcube.url)
        page.get_by_role("textbox", name="Username").fill(login)
        page.get_by_label("Password").fill(site.passwords[login])
        page.get_by_role("button", name="Login").click()
        page.wait_for_url(FIRST_PAGE)
        _settle(page)
        yield page


def log_in_without_browser(site: PrivateSite, login: str) -> None:
    """Log in, which is when identities are kept in step, and look at nothing."""
    with httpx.Client(base_url=site.roundcube.url, timeout=60) as client:
        found = _TOKEN.search(client.get("/").text)
        assert found is not None
        form = {"_task": "login", "_action": "login", "_user": login, "_pass": site.passwords[login]}
        answer = client.post("/?_task=login", data={**form, "_token": found[1]})
        assert (answer.status_code, "_task=mail" in answer.headers["Location"]) == (302, True)


def go(page: Page, site: PrivateSite, where: str) -> None:
    """Open a page; what the one before it still asks for comes first: Roundcube's session takes one after the other."""
    _settle(page)
    page.goto(f"{site.roundcube.url}?{where}")
    _settle(page)


def send(page: Page, site: PrivateSite, author: str, recipient: str, subject: str) -> None:
    """Write and send a mail from the address that the list shows as ``author``."""
    compose(page, site, author, recipient, subject)
    page.locator("button.send:visible").click()
    page.wait_for_url(FIRST_PAGE.replace("mail*", "mail&_mbox*"))


def compose(page: Page, site: PrivateSite, author: str, recipient: str, subject: str) -> None:
    """Fill the form of a new mail."""
    go(page, site, "_task=mail&_action=compose")
    page.locator("#compose-subject").fill(subject)
    page.locator("#_from").select_option(label=author)
    page.locator(".recipient-input input").first.fill(f"{recipient},")
    page.locator("#composebody").fill("Dear friend, this is our offer.")


def open_mail(page: Page, site: PrivateSite, subject: str) -> FrameLocator:
    """Open a mail of the list beside it."""
    go(page, site, "_task=mail&_mbox=INBOX")
    page.locator("#messagelist").get_by_text(subject).first.click()
    shown = page.frame_locator("#messagecontframe")
    shown.locator("#message-header").wait_for()
    return shown


def create(page: Page, site: PrivateSite, action: str) -> FrameLocator:
    """Press "Create" on a page of the settings and return the form."""
    go(page, site, f"_task=settings&_action={action}")
    page.locator("a.create:visible").first.click()
    form = page.frame_locator("#preferences-frame, #filter-box")
    form.locator("button.submit").wait_for()
    return form


def open_filter(page: Page, number: int) -> FrameLocator:
    """Open a filter of the list beside it, and return the form."""
    page.locator("#filterslist td.name").nth(number).click()
    form = page.frame_locator("#filter-box")
    form.locator("button.submit").wait_for()
    return form


def identities(site: PrivateSite, login: str) -> dict[str, tuple[str, str]]:
    """Return name and reply-to of each identity of a person, by address, the default one first."""
    query = (
        'SELECT i.email, i.name, i."reply-to" FROM identities i JOIN users u USING (user_id)'
        " WHERE u.username = ? AND i.del = 0 ORDER BY i.standard DESC, i.email"
    )
    with closing(sqlite3.connect(site.roundcube.database)) as connection:
        return {email: (name, reply_to) for email, name, reply_to in connection.execute(query, (login,))}


def _settle(page: Page) -> None:
    """Wait until Roundcube asks for nothing more; its page counts that itself."""
    page.wait_for_function("() => window.rcmail && !rcmail.busy && window.jQuery && jQuery.active === 0")
