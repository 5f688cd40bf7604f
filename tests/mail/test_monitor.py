"""Monitor mode and ``inbound_spoof`` through a real Postfix: what is only logged, what is still refused."""

import re
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from byname.sandbox.processes import Daemon
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from tests.mail.dialogue import Dialogue, data_as_it_is, logged_in, submit
from tests.mail.world import JOHN, fill

OWN = b"From: John <john@brand-a.test>"
QUEUED = "250 2.0.0 Ok: queued as "
SUBMISSION_ON_25 = ("smtpd_sasl_auth_enable", "smtpd_sasl_type", "smtpd_sasl_path")


@pytest.fixture(scope="module")
def monitored(needs_root: None) -> Iterator[PrivateSite]:
    with PrivateSite(fill, into_sink=True, settings='[senders]\ninbound_spoof = "header"\n') as site:
        with_mode(site, "monitor")
        yield site


def with_mode(site: PrivateSite, mode: str) -> None:
    text = re.sub(r'\nmode = "\w+"', "", site.config.read_text())
    site.config.write_text(text.replace("[milter]", f'[milter]\nmode = "{mode}"'))
    for role in ("submission", "inbound"):
        reload(site.daemons[role])


def reload(daemon: Daemon) -> None:
    before = len(daemon.log())
    daemon.send(signal.SIGHUP)
    wait_until(lambda: "reloaded" in daemon.log()[before:], 10, "a reload")


@contextmanager
def logged(site: PrivateSite, role: str) -> Iterator[list[str]]:
    """Collect the lines that a daemon logs meanwhile."""
    lines: list[str] = []
    before = len(site.daemons[role].log())
    yield lines
    lines += site.daemons[role].log()[before:].splitlines()


REFUSED = [  # envelope sender, header, the rules that are logged
    ("<mary@brand-a.test>", OWN, ["sender-not-owned"]),
    ("<john@brand-a.test>", b"From: ceo@bank.test", ["sender-not-owned"]),
    ("<info@brand-a.test>", b"From: disabled@brand-a.test", ["cannot-send-as", "sender-disabled"]),
    ("<john@brand-a.test>", b"Subject: no From", ["no-from"]),
    ("<brand-a.test!john>", OWN, ["bad-syntax"]),
    ("<>", b"From: a@x.test, b@y.test", ["list"]),
    ("<john@brand-a.test>", OWN, []),
]


@pytest.mark.parametrize(("sender", "header", "rules"), REFUSED)
def test_senders_are_accepted_and_logged(monitored: PrivateSite, sender: str, header: bytes, rules: list[str]) -> None:
    with logged(monitored, "submission") as lines, logged_in(monitored, JOHN) as client:
        assert submit(client, sender, header).startswith(QUEUED)
    would = [line for line in lines if "verdict=would-reject" in line]
    assert [re.findall(r" rule=(\S+)", line)[0] for line in would] == rules
    assert all(f"login={JOHN} client=127.0.0.1" in line for line in would)
    assert not [line for line in lines if "verdict=reject" in line]


@pytest.mark.parametrize("recipient", ["disabled@brand-b.test", "nobody@brand-a.test"])
def test_recipients_are_refused_all_the_same(monitored: PrivateSite, recipient: str) -> None:
    with logged_in(monitored, JOHN) as client:
        assert submit(client, "<mary@brand-a.test>", OWN, recipient).startswith("550 5.1.1 ")
    with Dialogue(monitored.postfix.inbound_port) as smtp:
        assert smtp.mail([f"<{recipient}>"])[-1].startswith("550 5.1.1 ")


def test_a_login_is_needed_all_the_same(monitored: PrivateSite) -> None:
    context = ssl.create_default_context(cafile=monitored.certificate.certificate)
    with logged(monitored, "submission") as lines, Dialogue(monitored.postfix.submission_port) as smtp:
        assert smtp.say("MAIL FROM:<john@brand-a.test>") == "530 5.7.0 Authentication required"
    assert context is not None
    assert [line for line in lines if "rule=login-required" in line and "verdict=reject" in line]


def test_a_login_on_the_inbound_port_is_refused_all_the_same(monitored: PrivateSite) -> None:
    postfix = monitored.postfix
    postfix.extra = dict(
        zip(SUBMISSION_ON_25, ("yes", "dovecot", str(monitored.dovecot.sasl_socket)), strict=True)
    )  # as in a main.cf that offers AUTH everywhere
    postfix.configure()
    postfix.reload()
    try:
        with logged_in(monitored, JOHN, port=postfix.inbound_port) as client:
            assert client.docmd("MAIL FROM:<john@brand-a.test>")[0] == 550
    finally:
        postfix.extra = {}
        postfix.configure()
        postfix.reload()


def test_what_would_be_refused_is_counted(monitored: PrivateSite) -> None:
    with_mode(monitored, "monitor")  # a reload tells the number, and starts anew
    with logged_in(monitored, JOHN) as client:
        for header in (OWN, b"From: ceo@bank.test", b"From: eve@bank.test"):
            submit(client, "<mary@brand-a.test>", header)
    with logged(monitored, "submission") as lines:
        with_mode(monitored, "monitor")
    assert [line for line in lines if "reloaded role=submission would_reject=5" in line]


def test_the_number_is_told_at_the_end_too(monitored: PrivateSite) -> None:
    with_mode(monitored, "monitor")
    with logged_in(monitored, JOHN) as client:
        submit(client, "<mary@brand-a.test>", OWN)
    daemon = monitored.daemons["submission"]
    assert daemon.stop() == 0
    assert "would_reject=1" in daemon.log().splitlines()[-1]
    monitored.start_daemon("submission")
    monitored.wait_for_daemon("submission")


SPOOF = "550 5.7.1 <{}>: Sender address rejected: log in to send from this domain"
INBOUND = [  # envelope sender, From, and the reply with inbound_spoof = envelope, = header
    ("<x@outside.example>", b"x@outside.example", None, None),
    ("<>", b"x@outside.example", None, None),
    ("<john@brand-a.test>", b"x@outside.example", "john@brand-a.test", "john@brand-a.test"),
    ("<Nobody@BRAND-A.test.>", b"x@outside.example", "nobody@brand-a.test", "nobody@brand-a.test"),
    ("<x@off.test>", b"x@outside.example", "x@off.test", "x@off.test"),
    ("<x@outside.example>", b"john@brand-a.test", None, "john@brand-a.test"),
    ("<>", b"John <john@brand-a.test>", None, "john@brand-a.test"),
    ("<x@outside.example>", b"a@b.example, John <john@brand-a.test>", None, "john@brand-a.test"),
    ("<x@outside.example>", b'"john@brand-a.test" <x@outside.example>', None, "john@brand-a.test"),
    ("<x@outside.example>", b"=?utf-8?q?john=40brand-a.test?= <x@outside.example>", None, "john@brand-a.test"),
    ("<x@outside.example>", b"'ceo@brand-a.test' <x@outside.example>", None, "ceo@brand-a.test"),
    ("<x@outside.example>", b"<john@\r\n brand-a.test>", None, "john@brand-a.test"),
]


def spoof_set_to(site: PrivateSite, value: str) -> None:
    site.config.write_text(re.sub(r"inbound_spoof = .*", f'inbound_spoof = "{value}"', site.config.read_text()))
    with_mode(site, "enforce")


@pytest.mark.parametrize("setting", ["off", "envelope", "header"])
def test_outside_mail_that_claims_a_hosted_sender(monitored: PrivateSite, setting: str) -> None:
    spoof_set_to(monitored, setting)
    for sender, author, by_envelope, by_header in INBOUND:
        refused = {"off": None, "envelope": by_envelope, "header": by_header}[setting]
        with Dialogue(monitored.postfix.inbound_port) as smtp:
            last = smtp.mail([f"<{JOHN}>"], b"From: " + author + b"\r\n\r\nx\r\n", sender)
        decisive = next((reply for reply in last if not reply.startswith("250")), last[-1])
        assert decisive.startswith(QUEUED if refused is None else SPOOF.format(refused)), (sender, author)


def test_spoofed_senders_are_only_logged_in_monitor_mode(monitored: PrivateSite) -> None:
    spoof_set_to(monitored, "header")
    with_mode(monitored, "monitor")
    with logged(monitored, "inbound") as lines, Dialogue(monitored.postfix.inbound_port) as smtp:
        replies = smtp.mail([f"<{JOHN}>"], b"From: john@brand-a.test\r\n\r\nx\r\n", "<mary@brand-a.test>")
    assert all(reply.startswith("250") for reply in replies)
    assert len([line for line in lines if "verdict=would-reject rule=spoofed-sender" in line]) == 2


def test_own_users_are_judged_by_their_login_not_by_spoofing(monitored: PrivateSite) -> None:
    spoof_set_to(monitored, "header")
    with logged_in(monitored, JOHN) as client:
        client.docmd(f"MAIL FROM:<{JOHN}>")
        client.docmd(f"RCPT TO:<{JOHN}>")
        assert data_as_it_is(client, OWN + b"\r\n\r\nx\r\n")[0] == 250
