"""The sender guard through a real Sendmail: logins by Cyrus SASL over TLS, checked by Dovecot against the store."""

import signal
import smtplib
import ssl

import pytest

from tests.mail.dialogue import submit
from tests.mail.headers import delivered_to, field_values
from tests.mail.sendmail.site import SendmailSite
from tests.mail.test_submission import ENVELOPES, HEADERS, OWN, QUEUED, REJECTED
from tests.mail.world import JOHN, MARY
from tests.unit.sender_cases import BOUNCE, raw

BY_SENDMAIL = ["<john>", "<brand-a.test!john>"]  # 553 5.5.4 Domain name required
EMPTY = b"From:"  # Sendmail leaves an empty field out, so that it has none


def is_as_with_postfix(said: str, expected: str, sender: str = "") -> bool:
    """Compare replies: Sendmail puts the sender before Byname's words, and has its own after the message."""
    if expected == QUEUED:
        return said.startswith("250 2.0.0 ") and said.endswith(" Message accepted for delivery")
    return said.startswith(f"{expected[:9]} {sender}... {expected[10:]}" if sender else expected)


@pytest.mark.parametrize(("sender", "expected"), [case for case in ENVELOPES if case[0] not in BY_SENDMAIL])
def test_envelope_senders(edge: SendmailSite, sender: str, expected: str) -> None:
    with edge.login(JOHN) as client:
        said = submit(client, sender, OWN)
    assert is_as_with_postfix(said, expected, "" if expected.startswith("501") else sender), said


@pytest.mark.parametrize("sender", BY_SENDMAIL)
def test_a_sender_without_a_domain_is_refused_by_sendmail(edge: SendmailSite, sender: str) -> None:
    with edge.login(JOHN) as client:
        assert submit(client, sender, OWN).startswith(f"553 5.5.4 {sender}... Domain name required")


@pytest.mark.parametrize("sender", ["<john@brand-a.test>", "<>"])
def test_author_fields(edge: SendmailSite, sender: str) -> None:
    said = {}
    with edge.login(JOHN) as client:
        for header, expected in HEADERS:
            reply = submit(client, sender, header)
            if not is_as_with_postfix(reply, expected):
                said[header] = reply
    assert said == {EMPTY: f"550 5.7.1 {REJECTED}: the message has no From field"}
    edge.outside.wait_for(1)


@pytest.mark.parametrize("line", [b"broken line", b"From\xa0: mary@brand-a.test"])
def test_what_ends_the_header_hides_no_author(edge: SendmailSite, line: bytes) -> None:
    with edge.login(JOHN) as client:
        assert submit(client, "<john@brand-a.test>", OWN + b"\r\n" + line + b"\r\nFrom: mary@brand-a.test")[:3] == "250"
    (arrived,) = edge.outside.wait_for(1)
    assert field_values(arrived.content, "From") == ["John <john@brand-a.test>"]
    assert b"\r\n\r\n" + line + b"\r\nFrom: mary@brand-a.test\r\n" in arrived.content


def test_nothing_that_was_refused_arrives_anywhere(edge: SendmailSite) -> None:
    with edge.login(JOHN) as client:
        assert submit(client, "<mary@brand-a.test>", OWN).startswith("553")
        assert submit(client, "<john@brand-a.test>", b"From: mary@brand-a.test").startswith("550")
        assert submit(client, "<john@brand-a.test>", OWN).startswith("250")
    (arrived,) = edge.outside.wait_for(1)
    edge.sendmail.wait_until_idle()
    assert arrived.sender == JOHN
    assert len(edge.outside.deliveries) == 1


def test_without_a_login_nothing_is_sent(edge: SendmailSite) -> None:
    with smtplib.SMTP("localhost", edge.submission_port) as client:
        client.ehlo()
        assert not client.has_extn("auth")  # before TLS
        assert client.docmd("MAIL FROM:<john@brand-a.test>") == (530, b"5.7.0 Authentication required")


@pytest.mark.parametrize("login", ["sales@brand-b.test", "john+x@brand-a.test", "paused@brand-a.test"])
def test_only_mailboxes_log_in(edge: SendmailSite, login: str) -> None:
    edge.passwords[login] = edge.passwords[JOHN]
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        edge.login(login)
    assert refused.value.smtp_code == 535


def test_a_login_in_upper_case_is_the_same(edge: SendmailSite) -> None:
    with edge.login("JOHN@Brand-A.test") as client:
        assert submit(client, "<sales@brand-b.test>", b"From: sales@brand-b.test").startswith("250")
        assert submit(client, "<mary@brand-a.test>", OWN).endswith(f"not owned by user {JOHN}")
    edge.outside.wait_for(1)


def test_tls_from_the_start(edge: SendmailSite) -> None:
    context = ssl.create_default_context(cafile=edge.certificate.certificate)
    with smtplib.SMTP_SSL("localhost", edge.sendmail.submissions_port, context=context, timeout=30) as client:
        client.login(JOHN, edge.passwords[JOHN])
        assert submit(client, "<mary@brand-a.test>", OWN).endswith(f"not owned by user {JOHN}")
        assert submit(client, "<john@brand-a.test>", OWN).startswith("250")
    edge.outside.wait_for(1)


def test_toggles_work_on_an_open_connection(edge: SendmailSite) -> None:
    with edge.login(JOHN) as client:
        for options, code in (
            ("--send", "250"),
            ("--no-send", "553"),
            ("--send --disable", "553"),
            ("--enable", "250"),
        ):
            edge.admin("alias", "set", "toggled@brand-a.test", *options.split())
            assert submit(client, "<toggled@brand-a.test>", b"From: toggled@brand-a.test")[:3] == code
    edge.admin("alias", "set", "toggled@brand-a.test", "--no-send")
    edge.outside.wait_for(2)


def test_a_mailbox_paused_while_connected_sends_nothing_more(edge: SendmailSite) -> None:
    with edge.login(MARY) as client:
        edge.admin("mailbox", "set", MARY, "--pause")
        refused = submit(client, f"<{MARY}>", b"From: mary@brand-a.test")
        edge.admin("mailbox", "set", MARY, "--resume")
    assert refused == f"550 5.7.1 <{MARY}>... {REJECTED}: mailbox {MARY} is disabled"


def test_recipients_are_decided_on_submission_too(edge: SendmailSite) -> None:
    with edge.login(MARY) as client:
        for recipient, why in (
            ("disabled@brand-b.test", "550 5.1.1 {0}... {0}: user unknown"),
            ("john+x%bank.test@brand-a.test", "550 5.1.3 {0}... {0}: a sub-address may not hold %, ! or @"),
            ("postmaster+x%y@brand-a.test", "550 5.1.3 {0}... {0}: a sub-address may not hold %, ! or @"),
        ):
            said = submit(client, f"<{MARY}>", b"From: mary@brand-a.test", recipient)
            assert said == why.format(f"<{recipient}>")
        assert submit(client, f"<{MARY}>", b"From: mary@brand-a.test", "sales@brand-b.test").startswith("250")
    assert edge.arrived(1)[0].recipients == (JOHN,)


def test_mail_for_outside_only_stays_untouched(edge: SendmailSite) -> None:
    with edge.login(MARY) as client:
        client.sendmail(MARY, ["friend@outside.example"], "From: mary@brand-a.test\r\nDelivered-To: x@y.test\r\n\r\nx")
    assert b"Delivered-To: x@y.test\r\n" in edge.outside.wait_for(1)[0].content


def test_a_bounce_to_an_alias_that_sent_arrives(edge: SendmailSite) -> None:
    """Sendmail's own mail passes no milter: the edge leads it to the mailbox."""
    edge.outside.refuse["gone@outside.example"] = "550 5.1.1 gone"
    with edge.login(JOHN) as client:
        assert submit(client, "<sales@brand-b.test>", b"From: sales@brand-b.test", "gone@outside.example")[:3] == "250"
    (bounce,) = edge.arrived(1)
    assert bounce.sender == ""
    assert bounce.recipients == (JOHN,)
    assert delivered_to(bounce.content) == ["sales@brand-b.test"]


def test_a_milter_that_goes_away_means_451_and_then_no_login(edge: SendmailSite) -> None:
    with edge.login(JOHN) as client:
        edge.daemons["submission"].send(signal.SIGKILL)
        edge.daemons["submission"].stop()
        assert submit(client, "<john@brand-a.test>", OWN) == "451 4.3.2 Please try again later"
    with pytest.raises(smtplib.SMTPResponseException) as put_off:
        edge.login(JOHN)
    assert (put_off.value.smtp_code, put_off.value.smtp_error) == (454, b"4.7.0 Please try again later")
    edge.restart("submission")


def test_a_header_that_is_too_long_is_refused_by_sendmail(edge: SendmailSite) -> None:
    with edge.login(JOHN) as client:
        said = submit(client, "<john@brand-a.test>", OWN + b"".join(b"\r\nX: " + b"y" * 900 for _ in range(40)))
    assert said == "552 5.6.0 Headers too large (32768 max)"


def test_the_edge_reads_what_a_bounce_returns(edge: SendmailSite) -> None:
    with edge.stranger() as smtp:
        assert smtp.mail(["<asks@brand-a.test>"], raw(BOUNCE), "<>")[-1].startswith("250")
    assert [each.recipients for each in edge.arrived(1)] == [(JOHN,)]
