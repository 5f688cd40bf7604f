"""The life of an alias in a browser, with real mail in between: Postfix, milters, Redis, relay and API as processes."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from byname.sandbox.site import PrivateSite
from store.sql.database import Database
from tests.api.dashboard import visitor
from tests.api.dashboard.visitor import ADMIN, JOHN, PASSWORD
from tests.browser.conftest import Watch
from tests.browser.hands import Hands, Keyboard, Mouse
from tests.mail.conftest import fresh_sinks, needs_root
from tests.mail.dialogue import Dialogue, logged_in, submit
from tests.mail.headers import delivered_to

__all__ = ["fresh_sinks", "needs_root"]

MARY = "mary@brand-a.test"  # the catch-all of brand-b.test
OFF = f"553 5.7.1 <{{0}}>: Sender address rejected: sending is off for this alias of {JOHN}"
UNKNOWN = "550 5.1.1 <{0}>: user unknown"


def fill(database: Database) -> dict[str, str]:
    visitor.fill(database)
    return dict.fromkeys((JOHN, MARY), PASSWORD)


@pytest.fixture(scope="module")
def site(needs_root: None) -> Iterator[PrivateSite]:
    """One site for every way to use the pages."""
    owners = '\n[dashboard]\nowners = "manage"\n'
    with PrivateSite(fill, into_sink=True, api=True, cache=True, settings=owners) as started:
        yield started


@dataclass(frozen=True, slots=True)
class Mail:
    """What the world and John do with an address."""

    site: PrivateSite
    address: str

    def arrives(self, number: int = 1) -> tuple[tuple[str, ...], list[str]]:
        """Write to it from outside; return whose mailbox has the mail then, and its Delivered-To."""
        with Dialogue(self.site.postfix.inbound_port) as smtp:
            replies = smtp.mail([f"<{self.address}>"])
        assert replies[-1].startswith("250 2.0.0"), replies
        delivery = self.site.mailboxes.wait_for(number)[-1]
        return delivery.recipients, delivered_to(delivery.content)

    def refused(self) -> str:
        """Write to it from outside; return the reply to RCPT."""
        with Dialogue(self.site.postfix.inbound_port) as smtp:
            return smtp.mail([f"<{self.address}>"])[1]

    def sent(self) -> str:
        """Send from it with John's login; return the decisive reply."""
        client = logged_in(self.site, JOHN)
        try:
            return submit(client, f"<{self.address}>", f"From: {self.address}\r\nSubject: hello".encode())
        finally:
            client.close()


class Tab:
    """The Aliases tab of John's mailbox, and one alias on it."""

    def __init__(self, page: Page, hands: Hands, address: str) -> None:
        self.page, self.hands, self.address = page, hands, address

    @property
    def row(self) -> Locator:
        return self.page.get_by_role("row", name=self.address)

    def make(self) -> None:
        form = self.page.locator("form", has=self.page.get_by_role("button", name="Add Alias"))
        self.hands.press(self.page.locator("summary", has_text="New Alias"))
        self.hands.write(form.get_by_label("Name before the @"), self.address.partition("@")[0])
        self.hands.choose(form.get_by_label("Domain"), self.address.partition("@")[2])
        self.hands.press(form.get_by_role("button", name="Add Alias"))
        self.is_live()

    def switch(self, button: str, becomes: str) -> None:
        self.hands.press(self.row.get_by_role("button", name=button))
        expect(self.row.get_by_role("button", name=becomes)).to_be_visible()
        self.is_live()

    def delete(self) -> None:
        self.hands.press(self.row.get_by_role("link", name="Delete"))
        expect(self.page.get_by_text(f"mail to it goes to {MARY}")).to_be_visible()
        self.hands.press(self.page.get_by_role("button", name="Delete", exact=True).last)
        expect(self.page.get_by_text("The alias is deleted.")).to_be_visible()
        expect(self.page.get_by_text("live on the mail server")).to_be_visible()
        expect(self.row).to_have_count(0)

    def is_live(self) -> None:
        """Wait until the page says of this alias what mail shall show then."""
        expect(self.row.get_by_text("live on the mail server")).to_be_visible()


def signed_in(context: BrowserContext, site: PrivateSite, hands: Hands, name: str, page: Page) -> Watch:
    watch = Watch(page, site.dashboard_url)
    page.goto(site.dashboard_url)
    hands.write(page.get_by_label("Mail address"), name)
    hands.write(page.get_by_label("Password", exact=True), PASSWORD)
    hands.press(page.get_by_role("button", name="Sign in", exact=True))
    return watch


@pytest.mark.parametrize("way", ["mouse", "mouse, no JavaScript", "keyboard"])
def test_from_first_to_last(chromium: Browser, site: PrivateSite, way: str) -> None:
    context = chromium.new_context(java_script_enabled="no JavaScript" not in way)
    page = context.new_page()
    hands = Keyboard(page) if way == "keyboard" else Mouse()
    watch = signed_in(context, site, hands, ADMIN, page)
    hands.press(page.get_by_role("row", name=JOHN).get_by_role("link", name="Settings"))
    address = f"{way.replace(', no ', '-without-').lower()}@brand-b.test"
    tab, mail = Tab(page, hands, address), Mail(site, address)

    tab.make()
    assert mail.arrives() == ((JOHN,), [address])
    assert mail.sent() == OFF.format(address)
    tab.switch("Send: Off", "Send: On")
    assert mail.sent().startswith("250 2.0.0")
    (out,) = site.outside.wait_for(1)
    assert (out.sender, f"From: {address}".encode() in out.content) == (address, True)
    tab.switch("Send: On", "Send: Off")
    assert mail.sent() == OFF.format(address)
    tab.switch("Disable", "Enable")
    assert mail.refused() == UNKNOWN.format(address), "the catch-all does not get what is to a disabled alias"
    tab.delete()
    assert mail.arrives(2) == ((MARY,), [address])
    assert (watch.said, watch.asked) == ([], [])
    context.close()


def test_an_owner_with_the_password_of_the_mailbox(chromium: Browser, site: PrivateSite) -> None:
    """John makes an alias of his own and gets mail by it; of other mailboxes he sees nothing."""
    context = chromium.new_context()
    page, hands = context.new_page(), Mouse()
    watch = signed_in(context, site, hands, JOHN, page)
    expect(page.get_by_role("heading", name=JOHN)).to_be_visible()
    expect(page.get_by_role("link", name="Mailboxes")).to_have_count(0)
    tab, mail = Tab(page, hands, "johns-own@brand-b.test"), Mail(site, "johns-own@brand-b.test")
    tab.make()
    assert mail.arrives() == ((JOHN,), [mail.address])
    tab.switch("Receive: On", "Receive: Off")
    assert mail.refused() == UNKNOWN.format(mail.address)
    assert (watch.said, watch.asked) == ([], [])
    context.close()
