"""A domain in a real browser: added, checked against a real nameserver, switched off, deleted; and two widths."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from admin_api.site import Dns
from store.dns.nameserver import RetryPolicy
from store.dns.resolvers import Resolvers
from store.services import domains
from store.services.domain_checks import proof
from store.services.domain_checks.checker import CheckQueue, DomainChecker
from store.sql.database import Database
from tests.api.dashboard.visitor import JOHN, World, dashboard
from tests.api.running_api import RunningApi, site_over
from tests.browser.conftest import open_page
from tests.store.dns.dns_server import DnsServer
from tests.store.dns.dns_site import EXPECTED

NEW = "new-shop.test"


@pytest.fixture
def nameserver() -> Iterator[DnsServer]:
    with DnsServer() as running:
        yield running


@pytest.fixture
def checked_pages(database: Database, nameserver: DnsServer, world: World) -> Iterator[RunningApi]:
    """A server that asks a nameserver of the test's own."""
    checker = DomainChecker(database, Resolvers([nameserver.nameserver], RetryPolicy(3, 3)), EXPECTED)
    queue = CheckQueue(checker, idle=0.1)
    running = RunningApi(site_over(database, dashboard=dashboard(), dns=Dns(EXPECTED, 1, queue.put)))
    yield running
    running.close()


@pytest.fixture(params=[True, False], ids=["javascript", "without"])
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    opened = chromium.new_context(java_script_enabled=request.param)
    yield opened
    opened.close()


def publish(database: Database, nameserver: DnsServer) -> None:
    with database.read() as tx:
        token = proof.token_of(tx, domains.get(tx, NEW).id)
    nameserver.add(f"_byname.{NEW}", "TXT", f"byname-verify={token}")


def test_a_domain_from_first_to_last(
    context: BrowserContext, checked_pages: RunningApi, database: Database, nameserver: DnsServer
) -> None:
    page, watch = open_page(context, checked_pages)
    page.get_by_role("link", name="Domains").click()
    page.locator("summary", has_text="New Domain").click()
    page.get_by_label("Domain", exact=True).fill("new shop.test")
    page.get_by_role("button", name="Add Domain").click()
    expect(page.get_by_label("Domain", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Domain", exact=True)).to_have_value("new shop.test")
    page.get_by_label("Domain", exact=True).fill(NEW)
    page.get_by_role("button", name="Add Domain").click()
    expect(page.get_by_text("Waiting for DNS: not checked yet")).to_be_visible()

    nameserver.behave(silent=True)
    page.get_by_role("button", name="Recheck").click()
    expect(page.get_by_text("Asking the DNS now …")).to_be_visible()
    publish(database, nameserver)
    nameserver.behave()
    expect(page.get_by_text("Ready", exact=True)).to_be_visible(
        timeout=30_000
    )  # turned by itself, when all tries are over
    expect(page.locator("#check-state")).to_contain_text("Checked")

    page.get_by_label("Mailbox for everything else").fill(JOHN)
    page.get_by_role("button", name="Switch the catch-all on").click()
    expect(page.get_by_text(f"Everything else → goes to {JOHN}")).to_be_visible()
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("Not offered for new aliases: it is switched off.")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_text("It holds no names.")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("The domain is deleted.")).to_be_visible()
    expect(page.get_by_role("link", name=NEW)).to_have_count(0)

    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_text("Domain deleted")).to_be_visible()
    assert (watch.said, watch.asked) == ([], [])


def test_what_is_typed_stays_while_the_check_turns(
    chromium: Browser, checked_pages: RunningApi, nameserver: DnsServer, world: World
) -> None:
    context = chromium.new_context()
    page, watch = open_page(context, checked_pages)
    nameserver.behave(silent=True)
    page.goto(f"{checked_pages.url}/domains/{world.brand_b}")
    page.get_by_role("button", name="Recheck").click()
    expect(page.get_by_text("Asking the DNS now …")).to_be_visible()
    page.get_by_label("Mailbox for system mail").fill("being-typed")
    nameserver.behave()
    expect(page.locator("#check-state")).to_contain_text("Checked")
    expect(page.get_by_text("Not seen").first).to_be_visible()
    expect(page.get_by_label("Mailbox for system mail")).to_have_value("being-typed")
    expect(page.get_by_label("Mailbox for system mail")).to_be_focused()
    assert (watch.said, watch.asked) == ([], [])
    context.close()


def test_an_address_is_tested(context: BrowserContext, pages: RunningApi, world: World) -> None:
    page, watch = open_page(context, pages)
    page.get_by_role("link", name="Test", exact=True).click()
    expect(page.get_by_label("Where would mail to this address go?")).to_be_focused()
    page.keyboard.type("sales@brand-b.test")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Mail to sales@brand-b.test is delivered to john@brand-a.test.")).to_be_visible()
    page.get_by_role("link", name="A pasted header").click()
    page.get_by_label("Logged in as").fill(JOHN)
    page.get_by_label("Header of the message").fill(f"From: {JOHN}\nSubject: x")
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("john@brand-a.test may send this message.")).to_be_visible()
    assert (watch.said, watch.asked) == ([], [])
