"""Internationalised addresses (RFC 6531) with ``smtputf8_enable = yes``: each role, as sender and as recipient.

A local part of ours is ASCII, so none that is not belongs to anybody here, with a detail, under a catch-all or as a
sender. A domain may be written either way. Addresses of others pass as they are.
"""

from collections.abc import Iterator

import pytest

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import Dialogue, data_as_it_is, logged_in
from tests.mail.world import JOHN, fill

QUEUED = "250 2.0.0 Ok: queued as "
OUTSIDE = "<jörg@outside.example> SMTPUTF8"
UNKNOWN = "550 5.1.1 <{}>: user unknown"
REJECTED = "Sender address rejected"


@pytest.fixture(scope="module")
def utf8_site(needs_root: None) -> Iterator[PrivateSite]:
    with PrivateSite(fill, into_sink=True, smtputf8=True) as started:
        yield started


@pytest.fixture(autouse=True)
def empty_sinks(utf8_site: PrivateSite) -> None:
    utf8_site.postfix.wait_until_idle()
    utf8_site.mailboxes.clear()
    utf8_site.outside.clear()


RECIPIENTS = [  # as typed, the reply to RCPT
    ("<jörg@brand-a.test>", UNKNOWN.format(r"j\xf6rg@brand-a.test")),
    ("<jörg@brand-b.test>", UNKNOWN.format(r"j\xf6rg@brand-b.test")),  # under a catch-all
    ("<jörg@bücher.test>", UNKNOWN.format(r"j\xf6rg@xn--bcher-kva.test")),
    ("<john+ü@brand-a.test>", UNKNOWN.format(r"john+\xfc@brand-a.test")),
    ("<john+x％bank.test@brand-a.test>", UNKNOWN.format(r"john+x\uff05bank.test@brand-a.test")),
    ("<jоhn@brand-a.test>", UNKNOWN.format(r"j\u043ehn@brand-a.test")),  # a Cyrillic o
    ("<Jörg@outside.example>", "554 5.7.1 <Jörg@outside.example>: Relay access denied"),
]


@pytest.mark.parametrize(("typed", "expected"), RECIPIENTS)
def test_recipients_that_are_nobody(utf8_site: PrivateSite, typed: str, expected: str) -> None:
    with Dialogue(utf8_site.postfix.inbound_port) as smtp:
        assert smtp.say(f"MAIL FROM:{OUTSIDE}").startswith("250")
        assert smtp.say(f"RCPT TO:{typed}") == expected
        assert smtp.say(f"RCPT TO:<{JOHN}>").startswith("250")  # the others of the message go on


DELIVERED = [  # sender, as typed, the mailbox, Delivered-To
    (OUTSIDE, "<john@bücher.test>", JOHN, "john@xn--bcher-kva.test"),
    (OUTSIDE, "<John@xn--bcher-kva.test>", JOHN, "john@xn--bcher-kva.test"),
    (OUTSIDE, "<john+x@bücher.test>", "john+x@brand-a.test", "john+x@xn--bcher-kva.test"),
    (OUTSIDE, "<sales@brand-b.test>", JOHN, "sales@brand-b.test"),
    ("<x@bücher.example> SMTPUTF8", f"<{JOHN}>", JOHN, None),
    ("<> SMTPUTF8", "<john@bücher.test>", JOHN, "john@xn--bcher-kva.test"),
]


@pytest.mark.parametrize(("sender", "typed", "mailbox", "delivered_to"), DELIVERED)
def test_mail_arrives_once(
    utf8_site: PrivateSite, sender: str, typed: str, mailbox: str, delivered_to: str | None
) -> None:
    header = "From: 山田 <jörg@outside.example>\r\nSubject: ü\r\n\r\nü\r\n".encode()
    with Dialogue(utf8_site.postfix.inbound_port) as smtp:
        assert smtp.mail([typed], header, sender)[-1].startswith(QUEUED)
    arrived = utf8_site.mailboxes.wait_for(1)
    utf8_site.postfix.wait_until_idle()
    assert [delivery.recipients for delivery in utf8_site.mailboxes.deliveries] == [(mailbox,)]
    shown = f"Delivered-To: {delivered_to}\r\n".encode()
    assert arrived[0].content.count(b"Delivered-To:") == (delivered_to is not None)
    assert delivered_to is None or shown in arrived[0].content
    assert "From: 山田 <jörg@outside.example>\r\n".encode() in arrived[0].content


SENDERS = [  # MAIL FROM, the decisive reply
    ("<john@bücher.test> SMTPUTF8", QUEUED),
    ("<jörg@brand-a.test> SMTPUTF8", rf"553 5.7.1 <j\xf6rg@brand-a.test>: {REJECTED}: not owned by user {JOHN}"),
    ("<john+ü@brand-a.test> SMTPUTF8", rf"553 5.1.7 <john+\xfc@brand-a.test>: {REJECTED}: a sub-address is plain"),
    ("<jоhn@brand-a.test> SMTPUTF8", rf"553 5.7.1 <j\u043ehn@brand-a.test>: {REJECTED}: not owned by user {JOHN}"),
    ("<jörg@outside.example> SMTPUTF8", rf"553 5.7.1 <j\xf6rg@outside.example>: {REJECTED}: not owned by"),
]


@pytest.mark.parametrize(("sender", "expected"), SENDERS)
def test_senders(utf8_site: PrivateSite, sender: str, expected: str) -> None:
    with logged_in(utf8_site, JOHN) as client:
        client.command_encoding = "utf-8"
        code, text = client.docmd(f"MAIL FROM:{sender}")
        if code == 250:
            assert client.docmd("RCPT TO:<jörg@outside.example>")[0] == 250
            code, text = data_as_it_is(client, "From: Jörg <john@bücher.test>\r\n\r\nü\r\n".encode())
    assert f"{code} {text.decode()}".startswith(expected)
    if expected == QUEUED:  # on its way as it was written
        assert [each.recipients for each in utf8_site.outside.wait_for(1)] == [("jörg@outside.example",)]


def test_a_store_without_smtputf8_gives_the_sender_a_bounce(needs_root: None) -> None:
    """Postfix's own answer, 5.6.7: what was taken is never lost without a word (docs/sender-guard.md)."""
    with PrivateSite(fill, smtputf8=True) as site:  # Dovecot 2.3 offers none
        with Dialogue(site.postfix.inbound_port) as smtp:
            replies = smtp.mail(["<john@bücher.test>"], "Subject: ü\r\nFrom: x@outside.example\r\n\r\nü\r\n".encode(),
                                "<x@outside.example> SMTPUTF8")  # fmt: skip
        assert replies[-1].startswith(QUEUED)
        (bounce,) = site.outside.wait_for(1)
        assert bounce.sender in {"", "<>", None}
        assert b"Status: 5.6.7" in bounce.content
