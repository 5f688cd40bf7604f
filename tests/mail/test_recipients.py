"""Recipients through a real Postfix: what is typed, the reply, and what the mailbox server is given."""

import time

import pytest

from byname.sandbox.sink import Delivery
from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import Dialogue
from tests.mail.headers import delivered_to

JOHN, MARY = "john@brand-a.test", "mary@brand-a.test"

# What an SMTP client may type for one name; each leaves one recipient (docs/facts.md, "Milter and Postfix").
FORMS = [
    "<{local}@{domain}>",
    "<{LOCAL}@{DOMAIN}>",
    "<{LOCAL}@{DOMAIN}.>",
    "<{local}@{domain}.>",
    '<"{local}"@{domain}>',
    "<@relay.test:{local}@{domain}>",
    "<@relay.test,@second.test:{LOCAL}@{DOMAIN}.>",
    "{local}@{domain}",
    "<\\{local}@{domain}>",
]
NAMES = [  # local part, domain, recipient at the store, Delivered-To
    ("sales", "brand-a.test", JOHN, "sales@brand-a.test"),
    ("sales", "brand-b.test", JOHN, "sales@brand-b.test"),
    ("sales+news", "brand-b.test", "john+news@brand-a.test", "sales+news@brand-b.test"),
    ("anything", "brand-b.test", JOHN, "anything@brand-b.test"),
    ("postmaster", "brand-a.test", JOHN, "postmaster@brand-a.test"),
    ("john", "xn--bcher-kva.test", JOHN, "john@xn--bcher-kva.test"),
    ("john", "brand-a.test", JOHN, None),
    ("john+news", "brand-a.test", "john+news@brand-a.test", "john+news@brand-a.test"),
]
REFUSED = [  # as typed, the full reply
    ("<nobody@brand-a.test>", "550 5.1.1 <nobody@brand-a.test>: user unknown"),
    ("<NoBody+x@Brand-A.test.>", "550 5.1.1 <nobody+x@brand-a.test>: user unknown"),
    ("<disabled@brand-a.test>", "550 5.1.1 <disabled@brand-a.test>: user unknown"),
    ("<disabled@brand-b.test>", "550 5.1.1 <disabled@brand-b.test>: user unknown"),  # under a catch-all
    ("<DISABLED+x@brand-b.test>", "550 5.1.1 <disabled+x@brand-b.test>: user unknown"),
    ('<"disabled"@brand-b.test>', "550 5.1.1 <disabled@brand-b.test>: user unknown"),
    ("<outbox@brand-b.test>", "550 5.1.1 <outbox@brand-b.test>: user unknown"),
    ("<paused@brand-a.test>", "550 5.2.1 <paused@brand-a.test>: mailbox disabled"),
    ("<sleeping@brand-a.test>", "550 5.2.1 <sleeping@brand-a.test>: mailbox disabled"),
    ("<old@off.test>", "550 5.7.1 <old@off.test>: Domain is switched off"),
    (f"<{'x' * 300}@brand-b.test>", f"550 5.1.1 <{'x' * 300}@brand-b.test>: user unknown"),
    ("<100%s@brand-b.test>", "554 5.7.1 <100%s@brand-b.test>: Relay access denied"),  # Postfix: untrusted routing
    ("<sales+x%bank.test@brand-a.test>", "554 5.7.1 <sales+x%bank.test@brand-a.test>: Relay access denied"),
    ("<sales(x)@brand-a.test>", "501 5.1.3 Bad recipient address syntax: it can be read in two ways"),
    ("<sales @brand-a.test>", "501 5.1.3 Bad recipient address syntax: it can be read in two ways"),
    ("<brand-a.test!sales>", "501 5.1.3 Bad recipient address syntax: it can be read in two ways"),
    ("<<sales@brand-a.test>>", "501 5.1.3 Bad recipient address syntax: it can be read in two ways"),
    ("<sales@brand-a.test,john@brand-a.test>", "501 5.1.3 Bad recipient address syntax"),
    ("<x@outside.example>", "554 5.7.1 <x@outside.example>: Relay access denied"),
    ("<x@pending.test>", "554 5.7.1 <x@pending.test>: Relay access denied"),
]


def one_delivery(site: PrivateSite) -> Delivery:
    site.postfix.wait_until_idle()
    (delivery,) = site.mailboxes.wait_for(1)
    return delivery


@pytest.mark.parametrize(("local", "domain", "target", "shown"), NAMES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_leaves_exactly_one_recipient(
    site: PrivateSite, form: str, local: str, domain: str, target: str, shown: str | None
) -> None:
    typed = form.format(local=local, domain=domain, LOCAL=local.upper(), DOMAIN=domain.upper())
    with Dialogue(site.postfix.inbound_port) as smtp:
        assert smtp.mail([typed])[1:] != []
    delivery = one_delivery(site)
    assert [recipient.lower() for recipient in delivery.recipients] == [target]
    assert delivered_to(delivery.content) == ([] if shown is None else [shown])


@pytest.mark.parametrize(("typed", "reply"), REFUSED)
def test_refusals_and_their_full_replies(site: PrivateSite, typed: str, reply: str) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        assert smtp.mail([typed])[1] == reply


@pytest.mark.parametrize("poison", [b"<\xff\xfe@brand-a.test>", b"<sal\xc3@brand-a.test>", b"<%s%n%@brand-a.test>",
                                    b"<\x01@brand-a.test>", b"<\x7f@brand-b.test>", b"<sales@\xff.test>"])  # fmt: skip
def test_poison_gets_a_5xx_never_a_451(site: PrivateSite, poison: bytes) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.say("MAIL FROM:<ann@outside.example>")
        assert smtp.say(b"RCPT TO:" + poison).startswith("5")
        assert smtp.say("RCPT TO:<sales@brand-a.test>").startswith("250")


@pytest.mark.parametrize("sender", [b"<%s%%@x.test>", b"<\xff@x.test>", b"<>", b"<x\x01y@z.test>", b"<ann>"])
def test_no_envelope_sender_makes_the_milter_fail(site: PrivateSite, sender: bytes) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        reply = smtp.say(b"MAIL FROM:" + sender)
        assert not reply.startswith("4")


def test_a_deleted_name_that_is_kept_does_not_fall_to_the_catch_all(site: PrivateSite) -> None:
    """From the deletion on refused as unknown, until it is freed; its owner may have it back meanwhile."""
    name, unknown = "once@brand-b.test", "550 5.1.1 <once@brand-b.test>: user unknown"

    def replied() -> str:
        with Dialogue(site.postfix.inbound_port) as smtp:
            return smtp.mail([f"<{name}>"])[1]

    site.admin("account", "set", "brands", "--keep-deleted-days", "30")
    try:
        site.admin("alias", "add", name, JOHN)
        with Dialogue(site.postfix.inbound_port) as smtp:  # a connection that is open all the while
            smtp.say("MAIL FROM:<ann@outside.example>")
            assert smtp.say(f"RCPT TO:<{name}>").startswith("250")
            site.admin("alias", "remove", name)
            assert smtp.say(f"RCPT TO:<{name}>") == unknown
            assert smtp.say("RCPT TO:<ONCE+x@brand-b.test>") == "550 5.1.1 <once+x@brand-b.test>: user unknown"
            assert smtp.say("RCPT TO:<other@brand-b.test>").startswith("250")  # the catch-all
        explained = site.run("explain", name)
        assert (explained.returncode, "name-kept" in explained.stdout) == (1, True)
        assert f"{name} was deleted and is kept" in site.run("alias", "add", name, MARY).stderr
        site.admin("alias", "add", name, JOHN)
        assert replied().startswith("250")
        site.admin("alias", "remove", name)
        assert replied() == unknown
        site.admin("alias", "free", name)
        assert replied().startswith("250")  # an unknown name once more: the catch-all has it
    finally:
        site.admin("account", "set", "brands", "--keep-deleted-days", "0")
        site.postfix.wait_until_idle()


def test_several_names_of_one_mailbox_give_one_copy(site: PrivateSite) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.mail(["<sales@brand-a.test>", "<INFO@brand-a.test>", "<sales@brand-b.test>", "<john@brand-a.test>"])
    delivery = one_delivery(site)
    assert delivery.recipients == (JOHN,)
    assert delivered_to(delivery.content) == ["sales@brand-a.test", "info@brand-a.test", "sales@brand-b.test"]


def test_one_mailbox_typed_in_three_forms_gives_one_copy(site: PrivateSite) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.mail(["<john@brand-a.test>", '<"john"@brand-a.test>', "<JOHN@brand-a.test>"])
    assert one_delivery(site).recipients == (JOHN,)


def test_names_of_two_mailboxes_show_nobody_the_others(site: PrivateSite) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.mail(["<sales@brand-a.test>", "<team@brand-a.test>"])
    delivery = one_delivery(site)
    assert sorted(delivery.recipients) == [JOHN, MARY]
    assert delivered_to(delivery.content) == []
    assert b"team@brand-a.test" not in delivery.content
    assert b"sales@brand-a.test" not in delivery.content


def test_delivery_status_wishes_are_carried(site: PrivateSite) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.say("MAIL FROM:<ann@outside.example>")
        smtp.say("RCPT TO:<sales+x@brand-b.test> NOTIFY=SUCCESS,DELAY")
        smtp.say("DATA")
        smtp.send(b"Subject: x\r\n\r\nx")
        smtp.say(".")
    (options,) = one_delivery(site).rcpt_options
    assert sorted(options) == ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;sales+2Bx@brand-b.test"]


@pytest.mark.parametrize("count", [1, 2, 50])
def test_inbound_delivered_to_fields_go_and_all_others_stay_in_order(site: PrivateSite, count: int) -> None:
    spellings = [
        "Delivered-To: x@y.test",
        "DELIVERED-TO : x@y.test",
        "delivered-to:\r\n folded@y.test",
        "Delivered-To:",
    ]
    forged = [spellings[number % 4] for number in range(count)]
    lines = ["X-First: 1", *forged[: count // 2], "X-Second: 2", "X-First: 3", *forged[count // 2 :], "Subject: hi"]
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.mail(["<sales@brand-a.test>"], "\r\n".join([*lines, "", "body"]).encode())
    delivery = one_delivery(site)
    assert delivered_to(delivery.content) == ["sales@brand-a.test"]
    assert b"y.test" not in delivery.content
    order = [line[:8] for line in delivery.content.decode().split("\r\n") if line.startswith(("X-", "Subject"))]
    assert order == ["X-First:", "X-Second", "X-First:", "Subject:"]


def test_a_thousand_recipients(site: PrivateSite) -> None:
    names = [f"<many-{number}@brand-a.test>" for number in range(160)]
    names += [f"<catch-{number}@brand-b.test>" for number in range(840)]
    with Dialogue(site.postfix.inbound_port) as smtp:
        replies = smtp.mail(names)
    assert {reply[:3] for reply in replies} == {"250"}
    delivery = one_delivery(site)
    assert sorted(delivery.recipients) == [JOHN, MARY]
    assert delivered_to(delivery.content) == []


def test_a_thousand_names_of_one_mailbox(site: PrivateSite) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.mail([f"<catch-{number}@brand-b.test>" for number in range(1000)])
    delivery = one_delivery(site)
    assert delivery.recipients == (JOHN,)
    assert delivered_to(delivery.content) == [f"catch-{number}@brand-b.test" for number in range(1000)]


def test_pipelined_commands(site: PrivateSite) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.send("MAIL FROM:<a@x.test>\r\nRCPT TO:<nobody@brand-a.test>\r\nRCPT TO:<sales@brand-a.test>\r\nDATA")
        codes = [smtp.reply()[:3] for _ in range(4)]
        assert smtp.say(b"Subject: x\r\n\r\nx\r\n.").startswith("250")
    assert codes == ["250", "550", "250", "354"]
    assert one_delivery(site).recipients == (JOHN,)


def test_each_message_of_a_connection_is_decided_afresh(site: PrivateSite) -> None:
    site.admin("alias", "add", "fleeting@brand-b.test", JOHN)
    with Dialogue(site.postfix.inbound_port) as smtp:
        assert smtp.mail(["<fleeting@brand-b.test>"])[-1].startswith("250")
        site.admin("alias", "set", "fleeting@brand-b.test", "--disable")
        assert smtp.mail(["<fleeting@brand-b.test>"])[1] == "550 5.1.1 <fleeting@brand-b.test>: user unknown"
        site.admin("alias", "set", "fleeting@brand-b.test", "--enable", "--no-receive")
        assert smtp.mail(["<fleeting@brand-b.test>"])[1] == "550 5.1.1 <fleeting@brand-b.test>: user unknown"
        site.admin("alias", "remove", "fleeting@brand-b.test")
        assert smtp.mail(["<fleeting@brand-b.test>"])[-1].startswith("250")  # the catch-all has it now
        assert smtp.say("RSET").startswith("250")
        assert smtp.mail(["<sales@brand-a.test>", "<team@brand-a.test>"])[-1].startswith("250")
    first, second, third = site.mailboxes.wait_for(3)
    assert [delivered_to(each.content) for each in (first, second, third)] == [["fleeting@brand-b.test"]] * 2 + [[]]


def test_a_name_disabled_while_the_message_comes_is_decided_again(site: PrivateSite) -> None:
    site.admin("alias", "add", "fleeting@brand-a.test", JOHN)
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.say("MAIL FROM:<a@x.test>")
        assert smtp.say("RCPT TO:<fleeting@brand-a.test>").startswith("250")
        smtp.say("DATA")
        smtp.send(b"Subject: slow\r\n\r\nslow")
        site.admin("alias", "set", "fleeting@brand-a.test", "--disable")
        wait_past_a_second()
        assert smtp.say(".") == "451 4.3.0 Recipients changed while the message was received, please try again"
        assert smtp.mail(["<fleeting@brand-a.test>"])[1].startswith("550 5.1.1")
    site.admin("alias", "remove", "fleeting@brand-a.test")
    assert site.mailboxes.deliveries == []


def test_a_slow_message_whose_names_stayed_arrives(site: PrivateSite) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.say("MAIL FROM:<a@x.test>")
        smtp.say("RCPT TO:<sales@brand-a.test>")
        smtp.say("DATA")
        wait_past_a_second()
        assert smtp.say(b"Subject: slow\r\n\r\nslow\r\n.").startswith("250")
    assert one_delivery(site).recipients == (JOHN,)


def wait_past_a_second() -> None:
    """Let a decision grow older than the second for which it holds (docs/design.md, section 5)."""
    time.sleep(1.1)
