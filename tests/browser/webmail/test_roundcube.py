"""Roundcube as people use it: identities that are there by themselves, sending, a refusal, Delivered-To, filters."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from byname.demo.guide import guide
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from store.services.filters.views import FilterScript
from store.sql.database import Database
from tests.browser.webmail.webmail import (
    compose,
    create,
    go,
    identities,
    log_in_without_browser,
    logged_in,
    open_filter,
    open_mail,
    send,
)
from tests.filters.world import state
from tests.mail.dialogue import Dialogue
from tests.mail.world import JOHN, MARY

NAME = "John O'Doe"
SALES, OWN_DOMAIN, OUTBOX, IDN = "sales@brand-b.test", "sales@brand-a.test", "outbox@brand-b.test", "john@bücher.test"
ALIASES = {SALES, OWN_DOMAIN, OUTBOX, "john@xn--bcher-kva.test"}
FRIEND = "friend@outside.example"
TEAM = "team@brand-a.test"
RULES = {  # of Byname: the condition and the action
    "Mail to the team": ("delivered_to contains team@", "move Team"),
    'Offers, "urgent" \\ [now]': ('subject contains say "hi" \\ 🎉', "flag"),
    "To a friend": ("from ends @shop.example", "copy Team"),
}
NONSENSE = [  # answers that are none
    (200, "<html>"),
    (200, '"data"'),
    (200, '{"data": "none"}'),
    (200, '{"data": [7, {"address": 7}]}'),
    (302, '{"data": []}'),
    (500, '{"data": []}'),
]


@pytest.fixture(scope="module")
def page(chromium: Browser, site: PrivateSite) -> Iterator[Page]:
    """John's first login."""
    with logged_in(chromium, site, JOHN) as page:
        yield page


def test_the_aliases_are_there_after_the_first_login(page: Page, site: PrivateSite) -> None:
    assert identities(site, JOHN) == dict.fromkeys([JOHN, *sorted(ALIASES)], (NAME, ""))
    go(page, site, "_task=settings&_action=identities")
    shown = page.locator("#identities-table")
    for address in (JOHN, SALES, OWN_DOMAIN, OUTBOX, IDN):
        expect(shown.get_by_text(f"{NAME} <{address}>")).to_be_visible()
    expect(shown).not_to_contain_text("info@brand-a.test")  # receives only


def test_the_demo_says_where_it_is(site: PrivateSite) -> None:
    assert f"  webmail, Roundcube            {site.roundcube.url}" in list(guide(site))


def test_a_mail_from_an_alias_arrives(page: Page, site: PrivateSite) -> None:
    send(page, site, f"{NAME} <{SALES}>", FRIEND, "our offer")
    (arrived,) = wait_until(lambda: site.outside.deliveries, 20, "the mail")
    assert (arrived.sender, arrived.recipients) == (SALES, (FRIEND,))
    assert message_from_bytes(arrived.content)["From"] == f"{NAME} <{SALES}>"


def test_the_mail_server_says_why_not(page: Page, site: PrivateSite) -> None:
    compose(page, site, f"{NAME} <{OWN_DOMAIN}>", FRIEND, "too late")
    site.admin("alias", "set", OWN_DOMAIN, "--no-send")
    page.locator("button.send:visible").click()
    said = page.locator("#messagestack .error, #messagestack .alert-danger").first
    expect(said).to_contain_text(f"<{OWN_DOMAIN}>: Sender address rejected: sending is off for this alias")
    page.on("dialog", lambda dialog: dialog.accept())
    go(page, site, "_task=mail")


def test_what_was_lost_is_gone_after_the_next_login_and_nothing_else(page: Page, site: PrivateSite) -> None:
    by_hand = ("me@elsewhere.test", "Me")
    with closing(sqlite3.connect(site.roundcube.database)) as connection, connection:
        connection.execute(
            "INSERT INTO identities (user_id, changed, email, name) SELECT user_id, created, ?, ? FROM users", by_hand
        )
        connection.execute("UPDATE identities SET standard = (email = ?)", (OWN_DOMAIN,))
    assert next(iter(identities(site, JOHN))) == OWN_DOMAIN  # the default one
    log_in_without_browser(site, JOHN)
    left = identities(site, JOHN)
    assert set(left) == {JOHN, by_hand[0], *ALIASES} - {OWN_DOMAIN}
    assert next(iter(left)) == JOHN
    site.admin("alias", "set", OWN_DOMAIN, "--send")
    with api_that_hangs(site):
        log_in_without_browser(site, JOHN)
        assert identities(site, JOHN) == left
    log_in_without_browser(site, JOHN)
    assert set(identities(site, JOHN)) == {JOHN, by_hand[0], *ALIASES}


def test_with_the_api_gone_or_talking_nonsense_a_first_login_works(site: PrivateSite) -> None:
    before = identities(site, JOHN)
    site.daemons["api"].stop()
    log_in_without_browser(site, MARY)
    assert list(identities(site, MARY)) == [MARY]
    assert "byname_identities: no answer from" in site.roundcube.log()
    with api_that_says(site, NONSENSE):
        for _ in NONSENSE:
            log_in_without_browser(site, JOHN)
            assert identities(site, JOHN) == before
    site.start_daemon("api")
    site.wait_for_daemon("api")
    log_in_without_browser(site, MARY)
    assert list(identities(site, MARY)) == [MARY, "team@brand-a.test"]


@contextmanager
def api_that_says(site: PrivateSite, answers: list[tuple[int, str]]) -> Iterator[None]:
    """Put a server in the API's place that gives these answers, one after the other."""
    left = iter(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = next(left)
            self.send_response(status)
            self.send_header("Location", "http://elsewhere.test/")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((LOOPBACK, urlsplit(site.api_url).port or 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
    assert next(left, None) is None


@contextmanager
def api_that_hangs(site: PrivateSite) -> Iterator[None]:
    """Let the API take connections and say nothing."""
    site.daemons["api"].send(signal.SIGSTOP)
    try:
        yield
    finally:
        site.daemons["api"].send(signal.SIGCONT)


def test_delivered_to_and_a_filter_by_it(page: Page, site: PrivateSite) -> None:
    write_to(site, SALES, "a question")
    shown = open_mail(page, site, "a question")
    shown.get_by_text("Details").click()
    row = shown.locator("tr", has_text="Delivered-To")
    expect(row).to_contain_text(SALES)
    shown.get_by_text("Headers", exact=True).click()
    expect(page.frame_locator("#headersframe").locator("body")).to_contain_text(f"Delivered-To: {SALES}")
    page.get_by_role("button", name="Close").click()

    form = create(page, site, "folders")
    form.locator("input[name=_name]").fill("Sales")
    form.locator("button.submit").click()
    expect(page.locator("#folderslist, #subscription-table").get_by_text("Sales")).to_be_visible()

    form = create(page, site, "plugin.managesieve")
    form.get_by_label("Filter name").fill("Mail to sales")
    form.locator("select[name='_header[0]']").select_option(label="Delivered-To")
    form.locator("select[name='_rule_op[0]']").select_option(label="contains")
    form.locator("input[name='_rule_target[0][]']").fill("sales@")
    form.locator("select[name='_action_type[0]']").select_option(label="Move message to")
    form.locator("select[name='_action_mailbox[0]']").select_option("Sales")
    form.locator("button.submit").click()
    expect(page.locator("#filterslist")).to_contain_text("Mail to sales")

    write_to(site, SALES, "another question")
    write_to(site, JOHN, "for John himself")
    go(page, site, "_task=mail&_mbox=Sales")
    expect(page.locator("#messagelist")).to_contain_text("another question")
    go(page, site, "_task=mail&_mbox=INBOX")
    expect(page.locator("#messagelist")).to_contain_text("for John himself")
    expect(page.locator("#messagelist")).not_to_contain_text("another question")


def write_to(site: PrivateSite, recipient: str, subject: str) -> None:
    """Have somebody outside write, and wait until the mail is in the mailbox."""
    message = f"From: Ann <ann@outside.example>\r\nTo: {recipient}\r\nSubject: {subject}\r\n\r\nHow much is it?\r\n"
    with Dialogue(site.postfix.inbound_port) as smtp:
        assert smtp.mail([f"<{recipient}>"], message.encode())[-1].startswith("250")
    site.postfix.wait_until_idle()


def test_the_page_of_filters_shows_the_rules_of_byname(chromium: Browser, site: PrivateSite) -> None:
    for name, (condition, action) in RULES.items():
        site.admin("rule", "add", MARY, name, "--if", condition, "--then", action)
    wait_for_script(site, "installed")
    write_to(site, TEAM, "for the team")
    with logged_in(chromium, site, MARY) as page:
        go(page, site, "_task=mail&_mbox=Team")
        expect(page.locator("#messagelist")).to_contain_text("for the team")
        go(page, site, "_task=settings&_action=plugin.managesieve")
        expect(page.locator("#filterslist td.name")).to_have_text(list(RULES))
        form = open_filter(page, 0)
        for field, value in {
            "input[name=_name]": "Mail to the team",
            "select[name='_header[0]']": "delivered-to",
            "select[name='_rule_op[0]']": "contains",
            "[name^='_rule_target[0]']": "team@",
            "select[name='_action_type[0]']": "fileinto",
            "select[name='_action_mailbox[0]']": "Team",
        }.items():
            expect(form.locator(field).first).to_have_value(value)
        form = open_filter(page, 1)
        expect(form.locator("[name^='_rule_target[0]']").first).to_have_value('say "hi" \\ 🎉')

        form.locator("input[name=_name]").fill("Changed here")
        form.locator("button.submit").click()
        expect(page.locator("#filterslist")).to_contain_text("Changed here")
        site.admin("rule", "set", MARY, "1", "--if", f"delivered_to is {TEAM}")
        assert wait_for_script(site, "foreign").code == "changed"
        site.admin("rule", "take-over", MARY)
        wait_for_script(site, "installed")
        go(page, site, "_task=settings&_action=plugin.managesieve")
        expect(page.locator("#filterslist td.name")).to_have_text(list(RULES))


def wait_for_script(site: PrivateSite, wanted: str) -> FilterScript:
    """Wait for a state of Mary's script, and return it."""
    with closing(Database.open(site.url)) as database:
        wait_until(lambda: state(database, MARY).state == wanted, 30, f"the state {wanted}")
        return state(database, MARY)
