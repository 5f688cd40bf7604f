"""Recipients through a real Sendmail: the same decisions as through Postfix, and what differs (docs/sendmail.md)."""

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import pytest

from tests.mail.dialogue import Dialogue
from tests.mail.headers import delivered_to
from tests.mail.sendmail.site import SendmailSite
from tests.mail.test_recipients import FORMS, NAMES, REFUSED
from tests.mail.world import JOHN, MARY

AWAY = "451 4.3.2 Please try again later"
NO_DOMAINS = "451 4.3.0 Domain lookup failed, please try again"
# The same words; Sendmail puts before them what was typed.
BY_BYNAME = [(typed, f"{said[:9]} {typed}... {said[10:]}") for typed, said in REFUSED if said[:5] == "550 5"][:-1]
BY_SENDMAIL = [  # as typed, what the reply begins with
    ("<100%s@brand-b.test>", "250 2.1.5 "),  # by the catch-all; Postfix refuses it as untrusted routing
    (f"<{'x' * 300}@brand-b.test>", "553 5.1.0 "),
    ("<sales(x)@brand-a.test>", "501 5.1.3 Bad recipient address syntax: it can be read in two ways"),
    ("<<sales@brand-a.test>>", "501 5.1.3 Bad recipient address syntax: it can be read in two ways"),
    (
        "<sales+x%bank.test@brand-a.test>",
        "550 5.1.3 <sales+x%bank.test@brand-a.test>... <sales+x%bank.test@brand-a.test>: a sub-address may not hold %",
    ),
    ("<brand-a.test!sales>", "550 5.7.1 <brand-a.test!sales>... Relaying denied"),
    (
        "<sales@brand-a.test,john@brand-a.test>",
        "553 5.1.3 <sales@brand-a.test,john@brand-a.test>... Invalid route address",
    ),
    ("<x@outside.example>", "550 5.7.1 <x@outside.example>... Relaying denied"),
    ("<x@pending.test>", "550 5.7.1 <x@pending.test>... Relaying denied"),
]


@pytest.mark.parametrize(("typed", "reply"), BY_BYNAME)
def test_byname_refuses_in_its_own_words(edge: SendmailSite, typed: str, reply: str) -> None:
    with edge.stranger() as smtp:
        assert smtp.mail([typed])[1] == reply


@pytest.mark.parametrize(("typed", "reply"), BY_SENDMAIL)
def test_what_differs(edge: SendmailSite, typed: str, reply: str) -> None:
    with edge.stranger() as smtp:
        assert smtp.mail([typed])[1].startswith(reply)


@pytest.mark.parametrize(("form", "name"), list(zip(FORMS, cycle(NAMES), strict=False)))
def test_every_form_leaves_exactly_one_recipient(
    either: SendmailSite, form: str, name: tuple[str, str, str, str | None]
) -> None:
    local, domain, target, shown = name
    with either.stranger() as smtp:
        smtp.mail([form.format(local=local, domain=domain, LOCAL=local.upper(), DOMAIN=domain.upper())])
    (delivery,) = either.arrived(1)
    assert [recipient.lower() for recipient in delivery.recipients] == [target]
    assert delivered_to(delivery.content) == ([] if shown is None else [shown])


def test_names_of_one_mailbox_are_one_copy(either: SendmailSite) -> None:
    names = ["sales@brand-a.test", "sales@brand-b.test", *(f"catch-{number}@brand-b.test" for number in range(150))]
    with either.stranger() as smtp:
        smtp.mail([f"<{name}>" for name in names])
    (delivery,) = either.arrived(1)
    assert delivery.recipients == (JOHN,)
    assert sorted(delivered_to(delivery.content)) == sorted(names)


def test_no_mailbox_reads_the_name_of_another(either: SendmailSite) -> None:
    own = either.delivery == "agent"  # only the edge writes into each copy
    with either.stranger() as smtp:
        smtp.mail(["<sales@brand-a.test>", "<team@brand-a.test>"])
    shown = {recipient: delivered_to(each.content) for each in either.arrived(1 + own) for recipient in each.recipients}
    assert shown == {JOHN: ["sales@brand-a.test"] * own, MARY: ["team@brand-a.test"] * own}


def test_inbound_delivered_to_fields_go_and_all_others_stay_in_order(either: SendmailSite) -> None:
    forged = ["Delivered-To: x@y.test", "DELIVERED-TO : x@y.test", "delivered-to:\r\n folded@y.test", "Delivered-To:"]
    lines = ["X-First: 1", *forged * 5, "X-Second: 2", *forged * 5, "X-First: 3", "Subject: hi"]
    with either.stranger() as smtp:
        smtp.mail(["<sales@brand-a.test>"], "\r\n".join([*lines, "", "body"]).encode())
    (delivery,) = either.arrived(1)
    assert delivered_to(delivery.content) == ["sales@brand-a.test"]
    assert delivery.content.startswith(b"Delivered-To: ")  # above Sendmail's own Received
    assert b"y.test" not in delivery.content
    order = [line[:8] for line in delivery.content.decode().split("\r\n") if line.startswith(("X-", "Subject"))]
    assert order == ["X-First:", "X-Second", "X-First:", "Subject:"]


def test_a_bccd_alias_does_not_show_in_the_copy_that_leaves(either: SendmailSite) -> None:
    with either.login(MARY) as client:
        client.sendmail(MARY, ["friend@outside.example", "sales@brand-b.test"], "From: mary@brand-a.test\r\n\r\nx")
    assert [each.recipients for each in either.arrived(1)] == [(JOHN,)]
    assert b"sales@brand-b.test" not in either.outside.wait_for(1)[0].content


@pytest.mark.parametrize(("delivery", "named"), [("edge_site", "sales@brand-b.test"), ("milter_site", JOHN)])
def test_whom_a_delivery_report_names(request: pytest.FixtureRequest, delivery: str, named: str) -> None:
    site: SendmailSite = request.getfixturevalue(delivery)
    site.clear()
    with site.stranger() as smtp:
        smtp.say("MAIL FROM:<ann@outside.example>")
        smtp.say("RCPT TO:<sales@brand-b.test> NOTIFY=SUCCESS")
        smtp.say("DATA")
        assert smtp.say(b"Subject: x\r\n\r\nx\r\n.").startswith("250")
    (report,) = site.outside.wait_for(1)
    assert f"Final-Recipient: RFC822; {named}\r\n".encode() in report.content


def test_a_domain_in_eight_bits(either: SendmailSite) -> None:
    """Sendmail knows no SMTPUTF8 (Debian builds it without), and takes such a domain all the same."""
    with either.stranger() as smtp:
        assert smtp.say("MAIL FROM:<ann@outside.example> SMTPUTF8").startswith("555 5.5.4 ")
        smtp.mail(["<john@bücher.test>"])
    (delivery,) = either.arrived(1)
    assert delivery.recipients == (JOHN,)
    assert delivered_to(delivery.content) == ["john@xn--bcher-kva.test"]


@pytest.mark.parametrize("poison", [b"<\xff\xfe@brand-a.test>", b"<sal\xc3@brand-a.test>", b"<%s%n%@brand-a.test>",
                                    b"<\x01@brand-a.test>", b"<\x7f@brand-b.test>", b"<sales@\xff.test>"])  # fmt: skip
def test_poison_gets_a_5xx_never_a_451(edge: SendmailSite, poison: bytes) -> None:
    with edge.stranger() as smtp:
        smtp.say("MAIL FROM:<ann@outside.example>")
        assert smtp.say(b"RCPT TO:" + poison).startswith("5")
        assert smtp.say("RCPT TO:<sales@brand-a.test>").startswith("250")


def test_a_name_disabled_while_the_message_comes_is_decided_again(edge: SendmailSite) -> None:
    with edge.stranger() as smtp:
        smtp.say("MAIL FROM:<a@x.test>")
        assert smtp.say("RCPT TO:<toggled@brand-a.test>").startswith("250")
        smtp.say("DATA")
        smtp.send(b"Subject: slow\r\n\r\nslow")
        edge.admin("alias", "set", "toggled@brand-a.test", "--disable")
        time.sleep(1.1)  # a decision holds for a second
        assert smtp.say(".") == "451 4.3.0 Recipients changed while the message was received, please try again"
    edge.admin("alias", "set", "toggled@brand-a.test", "--enable")
    assert edge.mailboxes.deliveries == []


def test_a_broken_store_means_451_for_known_and_unknown_names(edge: SendmailSite) -> None:
    with edge.stranger() as smtp, broken_store(edge):
        for recipient in ("<sales@brand-b.test>", "<nobody@brand-a.test>"):
            assert smtp.mail([recipient], sender="<>")[1].startswith("451 4.3.0 ")
        assert smtp.mail(["<sales@brand-b.test>"])[0] == NO_DOMAINS  # asked of a sender's domain too
    with edge.stranger() as smtp:
        assert smtp.mail(["<sales@brand-b.test>"])[-1].startswith("250")


@contextmanager
def broken_store(site: SendmailSite) -> Iterator[None]:
    """Make every look-up fail, while the file stays."""
    with sqlite3.connect(site.database) as connection:
        connection.execute("ALTER TABLE addresses RENAME TO hidden")
    try:
        yield
    finally:
        with sqlite3.connect(site.database) as connection:
            connection.execute("ALTER TABLE hidden RENAME TO addresses")


@pytest.mark.parametrize("stage", ["connect", "mail", "rcpt", "data"])
def test_a_milter_killed_in_the_middle_means_451(edge: SendmailSite, stage: str) -> None:
    with edge.stranger() as smtp:
        if stage != "connect":
            smtp.say("MAIL FROM:<a@x.test>")
        if stage in {"rcpt", "data"}:
            smtp.say("RCPT TO:<sales@brand-b.test>")
        if stage == "data":
            smtp.say("DATA")
        edge.daemons["inbound"].send(signal.SIGKILL)
        edge.daemons["inbound"].stop()
        last = {"connect": "MAIL FROM:<a@x.test>", "data": "Subject: x\r\n\r\nx\r\n."}
        assert smtp.say(last.get(stage, "RCPT TO:<info@brand-a.test>")) == AWAY
    with edge.stranger() as smtp:
        assert smtp.mail(["<sales@brand-b.test>"])[0] == AWAY
    edge.restart("inbound")
    with edge.stranger() as smtp:  # what an MTA does after a 451
        assert smtp.mail(["<sales@brand-b.test>"])[-1].startswith("250")
    assert [each.recipients for each in edge.arrived(1)] == [(JOHN,)]


def test_queued_mail_waits_while_nobody_tells_the_domains(edge: SendmailSite) -> None:
    edge.daemons["lmtp"].stop()
    with edge.stranger() as smtp:
        assert smtp.mail(["<sales@brand-b.test>"])[-1].startswith("250")
    edge.daemons["maps"].stop()
    with edge.stranger() as smtp:
        assert smtp.mail(["<sales@brand-b.test>"])[0] == NO_DOMAINS
        assert smtp.mail(["<sales@brand-b.test>", "<x@outside.example>"], sender="<>")[1:] == [NO_DOMAINS] * 2
    edge.sendmail.run_queue()
    assert edge.sendmail.waiting() == 1
    edge.restart("maps")
    edge.restart("lmtp")
    edge.sendmail.run_queue()
    assert [each.recipients for each in edge.arrived(1)] == [(JOHN,)]
    assert edge.outside.deliveries == []


def test_mail_of_the_command_sendmail_passes_no_milter_but_the_edge(edge: SendmailSite) -> None:
    for recipient in ("sales@brand-b.test", "nobody@brand-a.test"):
        edge.sendmail.run("-Am", "-i", "-f", "friend@outside.example", recipient, text=b"Delivered-To: x@y.test\n\nx\n")
    (delivery,) = edge.arrived(1)
    assert delivery.recipients == (JOHN,)
    assert delivered_to(delivery.content) == ["sales@brand-b.test"]
    (bounce,) = edge.outside.wait_for(1)
    assert b"550 5.1.1 <nobody@brand-a.test>: user unknown" in bounce.content


def test_the_listener_for_strangers(edge: SendmailSite) -> None:
    with edge.stranger() as smtp:
        assert "AUTH" not in smtp.say("EHLO client.test")
        assert smtp.say("VRFY sales@brand-a.test").startswith("252 2.5.2 Cannot VRFY user")
        assert smtp.say("EXPN sales@brand-a.test").startswith("502 ")
        smuggled = smtp.mail(["<sales@brand-a.test>"], b"Subject: one\r\n\r\nx\n.\nMAIL FROM:<x@y.test>\r\n")
        assert smuggled[-1] == "421 4.5.0 Bare linefeed (LF) not allowed"
    edge.sendmail.wait_until_idle()
    assert edge.mailboxes.deliveries == []


def test_the_log_names_queue_id_and_client(edge: SendmailSite) -> None:
    with edge.stranger() as smtp:
        queued = smtp.mail(["<sales@brand-a.test>"])[-1].split()[2]
    fact = f"{queued}: recipient client=127.0.0.2 rcpt=sales@brand-a.test verdict=deliver"
    assert fact in edge.daemons["inbound"].log()


def test_this_machine_itself_may_relay(edge: SendmailSite) -> None:
    """Sendmail's own rule for 127.0.0.1, as Postfix's ``mynetworks``."""
    with edge.stranger() as smtp:
        assert smtp.mail(["<x@outside.example>"])[1].startswith("550 5.7.1 ")
    with Dialogue(edge.inbound_port) as smtp:
        assert smtp.mail(["<x@outside.example>"])[-1].startswith("250")
    assert edge.outside.wait_for(1)[0].recipients == ("x@outside.example",)
