"""The Connection tab: filled in for this very mailbox, and honest about what is missing."""

import dataclasses

import pytest

from admin_api.site import Clients, Owners
from conf.clients import Server
from store.services import aliases, domain_settings, domains, mailboxes
from store.sql.database import Database
from tests.api.dashboard.visitor import ADMIN, JOHN, OPERATOR, VIEWER, Visitor, World, dashboard, words
from tests.api.running_api import RunningApi

IMAP, STARTTLS, TLS = (
    Server("imap.test", 993, "SSL/TLS"), Server("smtp.test", 587, "STARTTLS"), Server("smtp.test", 465, "SSL/TLS"),
)  # fmt: skip
ALL = Clients(IMAP, STARTTLS, TLS, "https://webmail.test/?a=1&b=2")


@pytest.fixture
def path(world: World) -> str:
    return f"/mailboxes/{world.john}/connection"


def configure(pages: RunningApi, clients: Clients = ALL, owners: Owners = "manage") -> None:
    site = pages.server.app.state.site
    pages.server.replace_site(dataclasses.replace(site, clients=clients, dashboard=dashboard(owners)))


def sending(database: Database, *addresses: str) -> None:
    with database.write() as tx:
        for address in addresses:
            aliases.update(tx, address, can_send=True)


def test_servers_and_steps(visitor: Visitor, pages: RunningApi, database: Database, path: str) -> None:
    configure(pages)
    sending(database, "sales@brand-b.test")
    page = visitor.signed_in(ADMIN).get(path)
    text = words(page)
    assert "User name john@brand-a.test" in text
    assert "Incoming mail (IMAP) imap.test Copy the host port 993 Copy the port SSL/TLS" in text
    assert "Outgoing mail (SMTP) smtp.test Copy the host port 465 Copy the port SSL/TLS" in text
    assert "or with STARTTLS smtp.test Copy the host port 587 Copy the port STARTTLS" in text
    assert 'href="https://webmail.test/?a=1&amp;b=2"' in page.text
    assert "not filled in" not in text
    for copied in ("john@brand-a.test", "sales@brand-b.test", "imap.test", "993", "465", "587"):
        assert f'data-copy="{copied}"' in page.text
    assert 'data-copy="john@brand-a.test, sales@brand-b.test"' in page.text  # Apple Mail
    command = (
        "swaks --server smtp.test --port 465 --tls-on-connect --auth PLAIN --auth-user john@brand-a.test"
        " --from sales@brand-b.test --to john@brand-a.test"
    )
    assert f'data-copy="{command}"' in page.text
    for program in ("Webmail (Roundcube)", "Outlook", "Apple Mail (macOS / iOS)", "Thunderbird", "By SMTP"):
        assert program in text


def test_which_may_send(visitor: Visitor, pages: RunningApi, database: Database, world: World, path: str) -> None:
    configure(pages)
    with database.write() as tx:
        domains.add(tx, "off.test", account="acme", verified=True)
        for name in ("both@brand-a.test", "silent@brand-a.test", "gone@brand-a.test", "far@off.test"):
            aliases.add(tx, name, JOHN, can_send=name != "silent@brand-a.test")
        aliases.update(tx, "silent@brand-a.test", can_receive=False)
        aliases.update(tx, "gone@brand-a.test", is_active=False)
        domain_settings.update(tx, "off.test", is_active=False)
    page = visitor.signed_in(ADMIN).get(path)
    text = words(page)
    assert "both@brand-a.test Copy both@brand-a.test Sends and receives" in text
    assert "sales@brand-b.test Copy sales@brand-b.test Receive only" in text
    assert "silent@brand-a.test Copy silent@brand-a.test Neither sends nor receives" in text
    assert "gone@brand-a.test Copy gone@brand-a.test Disabled" in text
    assert "far@off.test Copy far@off.test Its domain is switched off" in text
    assert "switch Send: On at it on the Aliases tab" in text
    offered = page.text.partition('<select id="alias"')[2].partition("</select>")[0]
    assert offered.count("<option") == 1
    assert "both@brand-a.test" in offered


def test_the_steps_are_for_the_alias_that_was_chosen(
    visitor: Visitor, pages: RunningApi, database: Database, world: World, path: str
) -> None:
    configure(pages)
    sending(database, "sales@brand-b.test", "info@brand-a.test")
    visitor.signed_in(ADMIN)
    assert "--from info@brand-a.test" in visitor.get(path).text
    assert "--from sales@brand-b.test" in visitor.get(f"{path}?alias={world.sales}").text
    for other in (world.eves, "x", "%3Cscript%3E", 10**18):
        page = visitor.get(f"{path}?alias={other}")
        assert "--from info@brand-a.test" in page.text
        assert "secret@rival.test" not in page.text
        assert "%3Cscript" not in page.text
        assert "<script>" not in page.text


def test_no_alias_may_send(visitor: Visitor, pages: RunningApi, world: World, path: str) -> None:
    configure(pages, Clients(IMAP, STARTTLS))
    visitor.signed_in(ADMIN)
    assert "No alias of this mailbox may send now, so the steps are for the mailbox itself." in words(visitor.get(path))
    assert "--tls --auth PLAIN --auth-user john@brand-a.test --from john@brand-a.test" in visitor.get(path).text
    none = words(visitor.get(f"/mailboxes/{world.mary}/connection"))
    assert "This mailbox has no alias yet: it sends as mary@brand-a.test" in none
    assert "Once there are aliases, the filters stand here" in none


@pytest.mark.parametrize(
    ("name", "clients", "expected"),
    [
        (
            OPERATOR,
            Clients(),
            "Fill in [clients] imap (where mail is read) and [clients] submission (where mail is sent)",
        ),
        (ADMIN, Clients(), "Whoever runs this mail server fills in [clients] imap"),
        (JOHN, Clients(IMAP), "Whoever runs this mail server fills in [clients] submission (where mail is sent)"),
        (ADMIN, Clients(IMAP, STARTTLS), None),
        (ADMIN, Clients(IMAP, None, TLS), None),
    ],
)
def test_what_is_missing(
    visitor: Visitor, pages: RunningApi, path: str, name: str, clients: Clients, expected: str | None
) -> None:
    configure(pages, clients)
    page = words(visitor.signed_in(name).get(path))
    assert ("not filled in yet" in page) == (expected is not None)
    assert (expected or "") in page
    if clients.submission is None and clients.submissions is None:
        assert "swaks" not in page


def test_the_sieve_script(visitor: Visitor, pages: RunningApi, database: Database, path: str) -> None:
    configure(pages)
    page = visitor.signed_in(ADMIN).get(path)
    rule = '["sales@brand-b.test", "sales+*@brand-b.test"]'.replace('"', "&#34;")
    assert page.text.count(rule) == 2  # to read, and to copy
    assert "fileinto :create &#34;Sales&#34;;" in page.text


def test_u_labels_are_shown_and_a_labels_copied(
    visitor: Visitor, pages: RunningApi, database: Database, path: str
) -> None:
    configure(pages)
    with database.write() as tx:
        domains.add(tx, "bücher.test", account="acme", verified=True)
        aliases.add(tx, "kontakt@bücher.test", JOHN, can_send=True)
    page = visitor.signed_in(ADMIN).get(path)
    assert "kontakt@bücher.test Copy kontakt@bücher.test Sends and receives" in words(page)
    assert 'data-copy="kontakt@xn--bcher-kva.test"' in page.text
    assert "--from kontakt@xn--bcher-kva.test" in page.text


@pytest.mark.parametrize(
    ("name", "owners", "expected"),
    [
        (VIEWER, "manage", "ask an admin of the account to switch Send: On"),
        (JOHN, "view", "ask an admin of the account to switch Send: On"),
        (JOHN, "toggle", "switch Send: On at it on the Aliases tab"),
    ],
)
def test_who_sees_it(
    visitor: Visitor, pages: RunningApi, world: World, path: str, name: str, owners: Owners, expected: str
) -> None:
    configure(pages, owners=owners)
    page = visitor.signed_in(name).get(path)
    assert expected in words(page)
    assert "set a new one" not in words(page)
    theirs = [visitor.get(f"/mailboxes/{one}/connection").status_code for one in (world.eve, 4711)]
    assert theirs == [404, 404]
    assert visitor.get(f"/mailboxes/{world.mary}/connection").status_code == (404 if name == JOHN else 200)


def test_a_paused_mailbox(visitor: Visitor, pages: RunningApi, database: Database, path: str) -> None:
    configure(pages)
    with database.write() as tx:
        mailboxes.update(tx, JOHN, is_active=False)
    assert "This mailbox is paused: nobody can sign in" in words(visitor.signed_in(ADMIN).get(path))
