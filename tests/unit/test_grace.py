"""Decisions over facts that may be out of date: what they affirm holds, every refusal is 451."""

from collections.abc import Collection

import pytest

from edges.maps import standard_maps
from edges.socketmap import answer
from routing.address import Address, parse_path
from routing.directory import AffirmedFacts
from routing.guard import HeaderField, check_header
from routing.policy import Policy
from routing.recipient import resolve
from routing.sender import authorise
from routing.spoof import judge_claims
from routing.verdicts import Allow, Defer, Deliver, NotOurs, Reject, SenderVerdict
from tests.unit.sample_site import DIRECTORY, NOW

JOHN = "john@brand-a.test"


class Grace:
    """The sample site, seen through a cache that nobody vouches for any more."""

    def __init__(self, *, may_send: bool) -> None:
        self._may_send = may_send

    def lookup(self, wanted: Collection[Address]) -> AffirmedFacts:
        return AffirmedFacts(DIRECTORY.lookup(wanted), may_send=self._may_send)


HOLDS = ["fair@brand-a.test", "john@brand-a.test", "john+x@brand-a.test", "sales@brand-b.test", "sales+x@brand-b.test"]
WAITS = [
    "nobody@brand-a.test",
    "off@brand-b.test",
    "gone@brand-a.test",
    "outbox@brand-a.test",
    "paused@brand-a.test",
    "old@off.test",
    "anything@brand-b.test",  # a catch-all rests on the absence of the name
    "postmaster@brand-a.test",
    "abuse@brand-a.test",
    "sue@suspended.test",
]


@pytest.mark.parametrize("written", HOLDS)
def test_deliveries_to_known_names_hold(written: str) -> None:
    assert isinstance(resolve(Grace(may_send=False), Policy(), parse_path(written), NOW), Deliver)


@pytest.mark.parametrize("written", ["x@outside.test", "x@[192.0.2.1]"])
def test_outside_domains_stay_outside(written: str) -> None:
    assert isinstance(resolve(Grace(may_send=False), Policy(), parse_path(written), NOW), NotOurs)


@pytest.mark.parametrize("written", WAITS)
def test_everything_else_waits(written: str) -> None:
    found = resolve(Grace(may_send=True), Policy(suspended="reject"), parse_path(written), NOW)
    assert isinstance(found, Defer)
    expected = f"451 4.3.0 <{written}>: Recipient lookup failed, please try again"
    assert (found.rule, str(found.reply)) == ("no-evidence", expected)


@pytest.mark.parametrize(
    ("may_send", "login", "sender", "allowed"),
    [
        (True, JOHN, JOHN, True),
        (True, JOHN, "sales@brand-b.test", True),
        (False, JOHN, JOHN, False),
        (True, JOHN, "info@brand-a.test", False),
        (True, JOHN, "fair@brand-a.test", True),
        (True, JOHN, "gone@brand-a.test", False),
        (True, JOHN, "eve@other.test", False),
        (True, "nobody@brand-a.test", JOHN, False),
    ],
)
def test_senders(login: str, sender: str, *, may_send: bool, allowed: bool) -> None:
    found = authorise(Grace(may_send=may_send), Policy(), login, [Address.parse(sender)], NOW)
    assert isinstance(found, Allow if allowed else Defer)
    if isinstance(found, Defer):
        assert str(found.reply) == f"451 4.3.0 <{sender}>: Sender lookup failed, please try again"


def check(header: bytes, *, may_send: bool, policy: Policy | None = None) -> SenderVerdict:
    return check_header(Grace(may_send=may_send), policy or Policy(), JOHN, [HeaderField("From", header)], NOW)


@pytest.mark.parametrize(
    ("header", "may_send", "policy", "allowed"),
    [
        (b" john@brand-a.test", True, Policy(), True),
        (b" john@brand-a.test", False, Policy(), False),
        (b' "sales@brand-b.test" <john@brand-a.test>', True, Policy(), True),
        (b' "team@brand-a.test" <john@brand-a.test>', True, Policy(), False),  # another's, as far as one knows
        (b' "ceo@other.test" <john@brand-a.test>', True, Policy(display_name_addresses="hosted"), False),
        (b' "x@outside.test" <john@brand-a.test>', True, Policy(display_name_addresses="hosted"), True),
        (b' "x@outside.test" <john@brand-a.test>', True, Policy(), False),
    ],
)
def test_headers(header: bytes, may_send: bool, policy: Policy, *, allowed: bool) -> None:
    found = check(header, may_send=may_send, policy=policy)
    assert isinstance(found, Allow if allowed else Defer)
    if isinstance(found, Defer):
        assert (found.rule, found.reply.code, found.reply.enhanced) == ("no-evidence", 451, "4.3.0")


def test_a_malformed_header_needs_no_evidence() -> None:
    assert isinstance(check(b" a@b.test, c@d.test", may_send=True), Reject)


def test_who_claims_a_hosted_sender_waits() -> None:
    claimed = [Address("x", "outside.test"), Address("eve", "other.test")]
    found = judge_claims(Grace(may_send=True), claimed)
    assert isinstance(found, Defer)
    assert str(found.reply) == "451 4.3.0 <eve@other.test>: Sender lookup failed, please try again"
    assert judge_claims(Grace(may_send=True), claimed[:1]) is None


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("domains brand-a.test", "OK brand-a.test"),
        ("domains outside.test", "NOTFOUND "),  # row 2 holds
        ("aliases sales@brand-b.test", "OK john@brand-a.test"),
        ("aliases x@outside.test", "NOTFOUND "),
        (
            "aliases nobody@brand-a.test",
            "TEMP 451 4.3.0 <nobody@brand-a.test>: Recipient lookup failed, please try again",
        ),
        ("aliases off@brand-b.test", "TEMP 451 4.3.0 <off@brand-b.test>: Recipient lookup failed, please try again"),
        ("senders sales@brand-b.test", "OK john@brand-a.test"),
        ("senders x@outside.test", "NOTFOUND "),
        ("senders nobody@brand-a.test", "TEMP lookup failed, please try again"),
        ("senders info@brand-a.test", "TEMP 451 4.3.0 <info@brand-a.test>: Sender lookup failed, please try again"),
    ],
)
def test_maps(request_: str, reply: str) -> None:
    assert answer(standard_maps(Grace(may_send=True), Policy()), request_.encode()).encode().decode() == reply
