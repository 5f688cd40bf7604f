"""Who claims whom, in envelope and header: every pair, on one connection, with aliases switched in between."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import pytest

from byname.sandbox.site import PrivateSite
from store.services import aliases
from store.sql.database import Database
from tests.mail.dialogue import logged_in, submit
from tests.mail.world import JOHN, MARY, OWNER, fill

OWN = b"From: john@brand-a.test"
REJECTED = "Sender address rejected"
OFF = f"sending is off for this alias of {JOHN}"

# name, address in the envelope, address in the header, its alias's state (send on, enabled), how the refusal goes on
IDENTITIES = [
    ("own", JOHN, JOHN, None, None),
    ("send-on", "toggled@brand-a.test", "toggled@brand-b.test", (True, True), None),
    ("send-off", "toggled@brand-a.test", "toggled@brand-b.test", (False, True), OFF),
    ("disabled", "toggled@brand-a.test", "toggled@brand-b.test", (True, False), f"this alias of {JOHN} is disabled"),
    ("other-mailbox", MARY, "team@brand-a.test", None, f"not owned by user {JOHN}"),
    ("other-tenant", OWNER, OWNER, None, f"not owned by user {JOHN}"),
    ("outside", "x@outside.example", "x@outside.example", None, f"not owned by user {JOHN}"),
]  # fmt: skip
NAMES = [identity[0] for identity in IDENTITIES]

Switch = Callable[[str, tuple[bool, bool] | None], None]


@pytest.fixture
def switch(site: PrivateSite) -> Iterator[Switch]:
    """Switch an alias in the store beside the running milter, as an admin's command does."""
    database = Database.open(f"sqlite:///{site.database}")
    yield partial(switching, database)
    for domain in ("brand-a.test", "brand-b.test"):
        switching(database, f"toggled@{domain}", (False, True))
    database.close()


def switching(database: Database, alias: str, state: tuple[bool, bool] | None) -> None:
    if state is not None:
        with database.write() as tx:
            aliases.update(tx, alias, can_send=state[0], is_active=state[1])


def replies_to(site: PrivateSite, switch: Switch) -> dict[tuple[str, str], str]:
    """Return the decisive reply to each pair of envelope and header."""
    found = {}
    with logged_in(site, JOHN) as client:
        for envelope, header in product(IDENTITIES, IDENTITIES):
            switch(envelope[1], envelope[3])
            switch(header[2], header[3])
            reply = submit(client, f"<{envelope[1]}>", f"From: {header[2]}".encode())
            found[envelope[0], header[0]] = reply
    return found


def test_seven_by_seven(site: PrivateSite, switch: Switch) -> None:
    found = replies_to(site, switch)
    assert len(found) == 49
    for envelope, header in product(IDENTITIES, IDENTITIES):
        if envelope[4] is not None:
            expected = f"553 5.7.1 <{envelope[1]}>: {REJECTED}: {envelope[4]}"
        elif header[4] is not None:
            expected = f"550 5.7.1 <{header[2]}>: {REJECTED}: {header[4]}"
        else:
            expected = "250 2.0.0 Ok: queued as "
        reply = found[envelope[0], header[0]]
        assert reply.startswith(expected), (envelope[0], header[0], reply)
    site.postfix.wait_until_idle()
    assert len(site.outside.deliveries) == 4


@pytest.mark.parametrize("name", ["Sender", "Resent-From", "Resent-Sender", "sENDER"])
@pytest.mark.parametrize("sender", [f"<{JOHN}>", "<>", "<toggled@brand-a.test>"])
def test_the_other_author_fields(site: PrivateSite, switch: Switch, name: str, sender: str) -> None:
    switch("toggled@brand-a.test", (True, True))
    with logged_in(site, JOHN) as client:
        for _, _, address, state, refusal in IDENTITIES:
            switch("toggled@brand-b.test", state)
            reply = submit(client, sender, OWN + f"\r\n{name}: Somebody <{address}>".encode())
            expected = "250 2.0.0 Ok" if refusal is None else f"550 5.7.1 <{address}>: {REJECTED}: {refusal}"
            assert reply.startswith(expected), (address, reply)


@pytest.mark.parametrize("name", ["Reply-To", "Disposition-Notification-To", "X-From", "Return-Path", "Errors-To"])
def test_fields_that_name_no_author_are_free(site: PrivateSite, name: str) -> None:
    with logged_in(site, JOHN) as client:
        assert submit(client, f"<{JOHN}>", OWN + f"\r\n{name}: ceo@bank.test".encode()).startswith("250")


def test_a_refused_message_leaves_nothing_behind_on_the_connection(site: PrivateSite) -> None:
    with logged_in(site, JOHN) as client:
        for _ in range(3):
            assert submit(client, "<>", OWN + b"\r\nSender: mary@brand-a.test").startswith("550")
            assert submit(client, f"<{JOHN}>", b"Subject: none").startswith("550")
            client.docmd(f"MAIL FROM:<{JOHN}>")
            client.rset()
            assert submit(client, "<>", OWN).startswith("250")


def test_an_alias_switched_off_while_the_message_comes_in(site: PrivateSite, switch: Switch) -> None:
    """What was decided more than a second ago is decided again at the end of the message."""
    switch("toggled@brand-b.test", (True, True))
    with logged_in(site, JOHN) as client:
        client.docmd("MAIL FROM:<toggled@brand-b.test>")
        client.docmd("RCPT TO:<friend@outside.example>")
        client.docmd("DATA")
        client.send(b"From: toggled@brand-b.test\r\n\r\nthe first line\r\n")
        switch("toggled@brand-b.test", (False, True))
        client.send(b"the last line\r\n.\r\n")
        code, text = client.getreply()
    assert (code, text.startswith(b"5.7.1 <toggled@brand-b.test>: Sender address rejected: sending is off")) == (
        550,
        True,
    )


EIGHT_BIT = [  # envelope, header, the reply begins with
    ("<john@bücher.test> SMTPUTF8", "From: Jörg <john@bücher.test>", "250 2.0.0 Ok"),
    ("<john@xn--bcher-kva.test>", "From: Jörg <john@bücher.test>", "250 2.0.0 Ok"),
    ("<john@brand-a.test> SMTPUTF8", "From: 山田 <john@brand-a.test>", "250 2.0.0 Ok"),
    ("<jörg@brand-a.test> SMTPUTF8", "From: john@brand-a.test", "553 5.7.1 <j\\xf6rg@brand-a.test>: "),
    ("<john@brand-ä.test> SMTPUTF8", "From: john@brand-a.test", "553 5.7.1 <john@xn--brand--gua.test>: "),
    ("<\u212aelvin@brand-a.test> SMTPUTF8", "From: john@brand-a.test", "501 5.1.7 Bad sender address syntax: "),
    ("<john@brand-a.test> SMTPUTF8", "From: <jörg@brand-a.test>", "550 5.7.1 Sender address rejected: the part"),
    ("<john@brand-a.test> SMTPUTF8", "From: <john@bücher.example>", "550 5.7.1 <john@xn--bcher-kva.example>: "),
    ("<john@brand-a.test> SMTPUTF8", 'From: "ceo＠bank.test" <john@brand-a.test>', "550 5.7.1 Sender "),
    ("<> SMTPUTF8", "From: 山田 <mary@brand-a.test>", "550 5.7.1 <mary@brand-a.test>: "),
]  # fmt: skip


@pytest.fixture(scope="module")
def utf8_site(needs_root: None) -> Iterator[PrivateSite]:
    with PrivateSite(fill, into_sink=True, smtputf8=True) as started:
        yield started


def test_internationalised_sessions(utf8_site: PrivateSite) -> None:
    wrong = []
    with logged_in(utf8_site, JOHN) as client:
        assert client.has_extn("smtputf8")
        for envelope, header, expected in EIGHT_BIT:
            client.command_encoding = "utf-8"  # smtplib forgets it with each RSET
            reply = submit(client, envelope, header.encode())
            if not reply.startswith(expected):
                wrong.append((envelope, header, reply))
    assert wrong == []
