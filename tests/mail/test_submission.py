"""The sender guard through a real Postfix, with real logins over TLS: what is claimed, and the full reply."""

import smtplib
import ssl

import pytest

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import logged_in, submit
from tests.mail.world import JOHN, MARY

OWN = b"From: John <john@brand-a.test>"
REJECTED = "Sender address rejected"
NOT_OWNED = f"{REJECTED}: not owned by user {JOHN}"
QUEUED = "250 2.0.0 Ok: queued as "

ENVELOPES = [  # MAIL FROM, what the reply begins with
    ("<john@brand-a.test>", QUEUED),
    ("<JOHN@Brand-A.Test.>", QUEUED),
    ("<john+lists@brand-a.test>", QUEUED),
    ("<sales@brand-a.test>", QUEUED),
    ("<sales@brand-b.test>", QUEUED),
    ("<john@xn--bcher-kva.test>", QUEUED),
    ("<outbox@brand-b.test>", QUEUED),  # receive off, send on
    ("<>", QUEUED),
    ("<info@brand-a.test>", f"553 5.7.1 <info@brand-a.test>: {REJECTED}: sending is off for this alias of {JOHN}"),
    ("<disabled@brand-b.test>", f"553 5.7.1 <disabled@brand-b.test>: {REJECTED}: this alias of {JOHN} is disabled"),
    ("<mary@brand-a.test>", f"553 5.7.1 <mary@brand-a.test>: {NOT_OWNED}"),
    ("<team@brand-a.test>", f"553 5.7.1 <team@brand-a.test>: {NOT_OWNED}"),
    ("<owner@other.test>", f"553 5.7.1 <owner@other.test>: {NOT_OWNED}"),
    ("<nobody@brand-b.test>", f"553 5.7.1 <nobody@brand-b.test>: {NOT_OWNED}"),
    ("<john@outside.example>", f"553 5.7.1 <john@outside.example>: {NOT_OWNED}"),
    ("<john+x%bank.test@brand-a.test>", "553 5.1.7 <john+x%bank.test@brand-a.test>: Sender address rejected: a sub-"),
    ("<sales+bank.test!x@brand-b.test>", "553 5.1.7 <sales+bank.test!x@brand-b.test>: Sender address rejected: a sub-"),
    (
        '<"john+x@bank.test"@brand-a.test>',
        '553 5.1.7 <"john+x@bank.test"@brand-a.test>: Sender address rejected: a sub-',
    ),
    ("<john>", f"553 5.7.1 <john@byname.test>: {NOT_OWNED}"),
    ("<brand-a.test!john>", "501 5.1.7 Bad sender address syntax: it can be read in two ways"),
    ("<mary@brand-a.test(john@brand-a.test)>", "501 5.1.7 "),
    ("<%s%n@brand-a.test>", f"553 5.7.1 <%s%n@brand-a.test>: {NOT_OWNED}"),
]
HEADERS = [  # header, what the reply begins with
    (OWN, QUEUED),
    (b"From: sales@brand-b.test\r\nSender: john@brand-a.test", QUEUED),
    (b'From: "Doe, John" <SALES@brand-a.test>\r\nReply-To: anybody@outside.example', QUEUED),
    (b"From: =?utf-8?q?J=C3=B6rg?=\r\n =?utf-8?q?_Doe?= <john@brand-a.test>", QUEUED),
    (b"From: mary@brand-a.test", f"550 5.7.1 <mary@brand-a.test>: {NOT_OWNED}"),
    (b"From: owner@other.test", f"550 5.7.1 <owner@other.test>: {NOT_OWNED}"),
    (b"From: x@outside.example\r\nSender: john@brand-a.test", f"550 5.7.1 <x@outside.example>: {NOT_OWNED}"),
    (b"From: info@brand-a.test", f"550 5.7.1 <info@brand-a.test>: {REJECTED}: sending is off for this alias of "),
    (b"From: disabled@brand-a.test", f"550 5.7.1 <disabled@brand-a.test>: {REJECTED}: this alias of {JOHN} is "),
    (OWN + b"\r\nSender: mary@brand-a.test", f"550 5.7.1 <mary@brand-a.test>: {NOT_OWNED}"),
    (OWN + b"\r\nResent-From: mary@brand-a.test", f"550 5.7.1 <mary@brand-a.test>: {NOT_OWNED}"),
    (b"Subject: no From", f"550 5.7.1 {REJECTED}: the message has no From field"),
    (OWN + b"\r\nFrom: mary@brand-a.test", f"550 5.7.1 {REJECTED}: the message has more than one From field"),
    (OWN + b"\r\n" + OWN, f"550 5.7.1 {REJECTED}: the message has more than one From field"),
    # Not as the first line: what begins with "From " there Postfix turns into "Mailbox-Line:".
    (OWN + b"\r\nFrom : mary@brand-a.test", f"550 5.7.1 {REJECTED}: the message has more than one From field"),
    (b"From:", f"550 5.7.1 {REJECTED}: the field is empty"),
    (b"From: a@x.test, john@brand-a.test", f"550 5.7.1 {REJECTED}: the field holds more than one address"),
    (b"From: mary@brand-a.test <john@brand-a.test>", f"550 5.7.1 {REJECTED}: the name holds an unquoted @"),
    (b'From: "mary@brand-a.test" <john@brand-a.test>', f"550 5.7.1 {REJECTED}: the name shows an address that is "),
    (b"From: J\xf6rg <john@brand-a.test>", f"550 5.7.1 {REJECTED}: the field is not valid UTF-8"),
    (b"From: " + b"x" * 5000 + b" <john@brand-a.test>", f"550 5.7.1 {REJECTED}: the field is longer than 4096 bytes"),
]


@pytest.mark.parametrize(("sender", "expected"), ENVELOPES)
def test_envelope_senders(site: PrivateSite, sender: str, expected: str) -> None:
    with logged_in(site, JOHN) as client:
        assert submit(client, sender, OWN).startswith(expected)


@pytest.mark.parametrize("sender", ["<john@brand-a.test>", "<>"])
@pytest.mark.parametrize(("header", "expected"), HEADERS)
def test_author_fields(site: PrivateSite, header: bytes, expected: str, sender: str) -> None:
    with logged_in(site, JOHN) as client:
        assert submit(client, sender, header).startswith(expected)


def test_nothing_that_was_refused_arrives_anywhere(site: PrivateSite) -> None:
    with logged_in(site, JOHN, tls_from_start=True) as client:
        assert submit(client, "<mary@brand-a.test>", OWN).startswith("553")
        assert submit(client, "<john@brand-a.test>", b"From: mary@brand-a.test").startswith("550")
        assert submit(client, "<john@brand-a.test>", OWN).startswith(QUEUED)
    (arrived,) = site.outside.wait_for(1)
    site.postfix.wait_until_idle()
    assert arrived.sender == JOHN
    assert len(site.outside.deliveries) == 1


def test_toggles_work_on_an_open_connection(site: PrivateSite) -> None:
    sales = (b"From: toggled@brand-a.test", "<toggled@brand-a.test>")
    with logged_in(site, JOHN) as client:
        for options, code in (
            ("--send --enable", "250"),
            ("--no-send", "553"),
            ("--send --disable", "553"),
            ("--enable", "250"),
            ("--no-send", "553"),
        ):
            site.admin("alias", "set", "toggled@brand-a.test", *options.split())
            assert submit(client, sales[1], sales[0])[:3] == code


def test_without_a_login_the_milter_answers_at_mail(site: PrivateSite) -> None:
    with smtplib.SMTP("localhost", site.postfix.submission_port) as client:
        client.ehlo()
        assert client.docmd("MAIL FROM:<john@brand-a.test>") == (530, b"5.7.0 Authentication required")
        client.starttls(context=ssl.create_default_context(cafile=site.certificate.certificate))
        client.ehlo()
        assert client.docmd("MAIL FROM:<>") == (530, b"5.7.0 Authentication required")


@pytest.mark.parametrize("login", ["sales@brand-b.test", "john+x@brand-a.test", "paused@brand-a.test", "john"])
def test_only_mailboxes_log_in(site: PrivateSite, login: str) -> None:
    context = ssl.create_default_context(cafile=site.certificate.certificate)
    with smtplib.SMTP_SSL("localhost", site.postfix.submissions_port, context=context) as client:
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.login(login, site.passwords[JOHN])
        assert refused.value.smtp_code == 535


def test_a_mailbox_paused_while_connected_sends_nothing_more(site: PrivateSite) -> None:
    with logged_in(site, MARY) as client:
        assert submit(client, f"<{MARY}>", b"From: mary@brand-a.test").startswith(QUEUED)
        site.admin("mailbox", "set", MARY, "--pause")
        refused = submit(client, f"<{MARY}>", b"From: mary@brand-a.test")
        site.admin("mailbox", "set", MARY, "--resume")
        assert refused == f"550 5.7.1 {REJECTED}: mailbox {MARY} is disabled"
        assert submit(client, f"<{MARY}>", b"From: mary@brand-a.test").startswith(QUEUED)


def test_recipients_are_decided_on_submission_too(site: PrivateSite) -> None:
    with logged_in(site, MARY) as client:
        assert submit(client, f"<{MARY}>", b"From: mary@brand-a.test", "disabled@brand-b.test") == (
            "550 5.1.1 <disabled@brand-b.test>: user unknown"
        )
        assert submit(client, f"<{MARY}>", b"From: mary@brand-a.test", "sales@brand-b.test").startswith(QUEUED)
    assert site.mailboxes.wait_for(1)[0].recipients == (JOHN,)


@pytest.mark.parametrize("local", ["john+x%bank.test", "sales+bank.test!x", '"john+x@bank.test"', "postmaster+x%y"])
def test_no_sub_address_goes_on_that_a_relay_may_route_on(site: PrivateSite, local: str) -> None:
    """On port 25 Postfix itself refuses these as untrusted routing; a login may send anywhere."""
    with logged_in(site, MARY) as client:
        assert submit(client, f"<{MARY}>", b"From: mary@brand-a.test", f"{local}@brand-a.test") == (
            f"550 5.1.3 <{local}@brand-a.test>: a sub-address may not hold %, ! or @"
        )
    site.postfix.wait_until_idle()
    assert site.mailboxes.deliveries == []


def test_a_bccd_alias_does_not_show_in_the_copy_that_leaves(site: PrivateSite) -> None:
    with logged_in(site, MARY) as client:
        client.sendmail(MARY, ["friend@outside.example", "sales@brand-b.test"], "From: mary@brand-a.test\r\n\r\nx")
    for copy in (site.mailboxes.wait_for(1)[0], site.outside.wait_for(1)[0]):
        assert b"sales@brand-b.test" not in copy.content


def test_mail_for_outside_only_stays_untouched(site: PrivateSite) -> None:
    with logged_in(site, MARY) as client:
        client.sendmail(MARY, ["friend@outside.example"], "From: mary@brand-a.test\r\nDelivered-To: x@y.test\r\n\r\nx")
    assert b"Delivered-To: x@y.test\r\n" in site.outside.wait_for(1)[0].content


def test_the_log_names_login_client_address_and_reason(site: PrivateSite) -> None:
    with logged_in(site, JOHN) as client:
        submit(client, "<mary@brand-a.test>", OWN)
    line = site.daemons["submission"].log().strip().splitlines()[-1]
    for fact in ("sender=<mary@brand-a.test>", f"login={JOHN}", "client=127.0.0.1", "rule=sender-not-owned"):
        assert fact in line
