"""What is said of a whole message: the checks that are on, in the milter's order, and what each found."""

from dataclasses import replace

import pytest

from routing.address import Address
from routing.directory import Directory
from routing.explain_message import Eyes, explain_incoming, explain_submitted
from routing.memory_directory import MemoryDirectory, SilentDirectory
from routing.people import people
from routing.policy import Policy, Switch
from routing.raw_message import RawMessage, body_of, read_message
from routing.records import Alias, HostedDomain, Mailbox
from routing.sender_rules import SenderRules
from store.services.skeletons import skeleton
from store.wire_format.people import name_key
from tests.unit.ordinary_mails import calendar
from tests.unit.sample_site import NOW

JOHN, MARY = Mailbox(Address("john", "brand-a.test")), Mailbox(Address("mary", "brand-a.test"))
SITE = MemoryDirectory(
    [
        HostedDomain("brand-a.test", names={"john": JOHN, "mary": MARY}, account=1),
        people(1, {str(name_key("Mary Poe")): MARY.address}),
    ]
)
POLICY = Policy(
    inbound_spoof="lookalike",
    colleague_names="mark",
    forged_trust="refuse",
    authserv_ids=frozenset({"mx.brand-a.test"}),
    foreign_organizer="refuse",
)
EYES = Eyes(skeleton, name_key)
OWN = b"From: John <john@brand-a.test>\r\n"
FORGED = OWN + b"X-Byname-Notice: x\r\n\r\nx\r\n"
INVITATION = OWN + b"Content-Type: text/calendar\r\n\r\n" + calendar("REQUEST", "ceo@bank.test", "x@y.test")


def message(raw: bytes) -> RawMessage:
    return read_message(raw)


@pytest.mark.parametrize(
    ("raw", "level", "rule", "checks"),
    [
        (OWN + b"\r\nx\r\n", "refuse", "owned", ["nothing", "nothing"]),
        (b"From: ceo@bank.test\r\n\r\nx\r\n", "refuse", "sender-not-owned", []),
        (FORGED, "refuse", "forged-byname", ["550 5.7.1 Message rejected: fields that only Byname may write"]),
        (FORGED, "log", "owned", ["550 5.7.1 Message rejected: fields that only Byname may write", "nothing"]),
        (FORGED, "off", "owned", []),
        (INVITATION, "refuse", "foreign-organizer", ["nothing", "550 5.7.1 <ceo@bank.test>: Sender address rejected"]),
        (INVITATION, "log", "owned", ["nothing", "550 5.7.1 <ceo@bank.test>: Sender address rejected"]),
        (INVITATION, "off", "owned", []),
    ],
)
def test_submitted(raw: bytes, level: Switch, rule: str, checks: list[str]) -> None:
    policy = replace(POLICY, forged_trust=level, foreign_organizer=level)
    found = explain_submitted(SITE, policy, "john@brand-a.test", message(raw), NOW)
    assert found.rule == rule
    assert found.steps[0].looked_up == "field From"
    said = [step.found for step in found.steps if step.looked_up.startswith("check ")]
    assert len(said) == len(checks)
    assert all(one.startswith(other) for one, other in zip(said, checks, strict=True)), said


MARK = "X-Byname-Notice: display-name-of-colleague"


def incoming(
    author: str, *, to: str = "john@brand-a.test", directory: Directory = SITE, policy: Policy = POLICY
) -> tuple[str, list[str]]:
    found = explain_incoming(directory, policy, to, message(f"From: {author}\r\n\r\nx\r\n".encode()), EYES, NOW)
    return found.rule, [step.found for step in found.steps if step.looked_up.startswith("check ")]


@pytest.mark.parametrize(
    ("author", "rule", "checks"),
    [
        ("x@outside.example", "mailbox", ["nothing", "nothing", "nothing"]),
        ('"Mary Poe" <x@outside.example>', "mailbox", ["nothing", "nothing", MARK]),
        ("x@brand-a.test", "spoofed-sender", ["550 5.7.1 <x@brand-a.test>: Sender address rejected"]),
        ("x@brаnd-a.test", "lookalike-sender", ["nothing", "550 5.7.1 <x@xn--brnd-a-4nf.test>: Sender"]),
    ],
)
def test_incoming(author: str, rule: str, checks: list[str]) -> None:
    found, said = incoming(author)
    assert found == rule
    assert len(said) == len(checks)
    assert all(one.startswith(other) for one, other in zip(said, checks, strict=True)), said


def test_a_detail_is_no_other_mailbox() -> None:
    assert incoming('"Mary Poe" <x@outside.example>', to="mary+x@brand-a.test") == ("mailbox", ["nothing"] * 3)
    assert incoming('"Mary Poe" <x@outside.example>', to="john+x@brand-a.test") == (
        "mailbox",
        ["nothing", "nothing", MARK],
    )


@pytest.mark.parametrize("to", ["nobody@brand-a.test", "x@elsewhere.test", "no-at-sign", '"open@brand-a.test'])
def test_a_recipient_that_is_refused_is_all_there_is_to_say(to: str) -> None:
    assert incoming("x@brand-a.test", to=to)[1] == []


def test_what_is_off_is_not_looked_at() -> None:
    assert incoming('"Mary Poe" <x@brand-a.test>', policy=Policy()) == ("mailbox", [])
    assert incoming("x@brаnd-a.test", policy=Policy(inbound_spoof="header")) == ("mailbox", ["nothing"])
    blind = explain_incoming(SITE, POLICY, "john@brand-a.test", message(b"From: x@y.test\r\n\r\n"), Eyes(), NOW)
    assert [step.found for step in blind.steps if step.looked_up.startswith("check ")] == ["nothing", "nothing"]


def test_nobody_answers() -> None:
    assert incoming("x@outside.example", directory=SilentDirectory()) == ("no-evidence", [])


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"A: b\r\n\r\nbody\r\n", b"body\r\n"),
        (b"A: b\n c\n\nbody", b"body"),
        (b"A: b\r\nno field\r\nB: c\r\n", b"no field\r\nB: c\r\n"),
        (b"From x\r\nA: b\r\n\r\nbody", b"body"),
        (b" x\r\n", b" x\r\n"),
        (b"A: b\r\n", b""),
        (b"A: b", b""),
        (b"\r\nbody", b"body"),
        (b"", b""),
    ],
)
def test_the_body_is_what_the_header_leaves(raw: bytes, body: bytes) -> None:
    assert body_of(raw) == body


GATED = MemoryDirectory(
    [
        HostedDomain(
            "brand-a.test",
            names={
                "friends": Alias(JOHN, senders=SenderRules("listed", ("friend.test",))),
                "shops": Alias(JOHN, can_send=True, senders=SenderRules("listed", ("shop.test",), True)),
                "but": Alias(JOHN, senders=SenderRules("except", tuple(f"s{n}.test" for n in range(9)))),
            },
            account=1,
        )
    ]
)
NOT_FROM_YOU = "550 5.7.1 <friends@brand-a.test>: this address does not accept mail from you"


@pytest.mark.parametrize(
    ("alias", "sender", "author", "rule", "said"),
    [
        ("friends", "<x@friend.test>", b"x@friend.test", "alias", "nothing"),
        ("friends", "<x@friend.test>", b"x@other.test", "sender-not-listed", NOT_FROM_YOU),
        ("friends", None, b"x@friend.test", "alias", "nothing"),
        ("friends", None, b"x@other.test", "sender-not-listed", NOT_FROM_YOU),
        ("friends", "<>", b"x@friend.test", "alias", "nothing"),
        ("but", "<x@other.test>", b"x@other.test", "alias", "nothing"),
    ],
)
def test_from_whom_an_alias_takes_mail(alias: str, sender: str | None, author: bytes, rule: str, said: str) -> None:
    raw = message(b"From: " + author + b"\r\n\r\nx\r\n")
    found = explain_incoming(GATED, Policy(), f"{alias}@brand-a.test", raw, EYES, NOW, sender)
    assert found.rule == rule
    assert [step.found for step in found.steps if step.looked_up == "check senders"] == [said]


def test_the_rules_of_an_alias_are_shown() -> None:
    for alias, shown in (
        ("friends", "takes mail from friend.test only"),
        ("shops", "takes mail from shop.test only, if authenticated"),
        ("but", "takes mail from everyone but s0.test"),
    ):
        found = explain_incoming(GATED, Policy(), f"{alias}@brand-a.test", message(b"\r\nx\r\n"), EYES, NOW, "<>")
        assert any(shown in step.found for step in found.steps), found.steps
