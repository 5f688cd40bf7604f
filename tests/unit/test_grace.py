"""Decisions over facts that may be out of date: what they affirm holds, every refusal is 451."""

from collections.abc import Collection

import pytest

from routing.address import Address, parse_path
from routing.directory import AffirmedFacts
from routing.policy import Policy
from routing.recipient import resolve
from routing.sender import authorise
from routing.verdicts import Allow, Defer, Deliver, NotOurs
from tests.unit.sample_site import DIRECTORY

JOHN = "john@brand-a.test"


class Grace:
    """The sample site, seen through a cache that nobody vouches for any more."""

    def __init__(self, *, may_send: bool) -> None:
        self._may_send = may_send

    def lookup(self, wanted: Collection[Address]) -> AffirmedFacts:
        return AffirmedFacts(DIRECTORY.lookup(wanted), may_send=self._may_send)


HOLDS = ["john@brand-a.test", "john+x@brand-a.test", "sales@brand-b.test", "sales+x@brand-b.test"]
WAITS = [
    "nobody@brand-a.test",
    "off@brand-b.test",
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
    assert isinstance(resolve(Grace(may_send=False), Policy(), parse_path(written)), Deliver)


@pytest.mark.parametrize("written", ["x@outside.test", "x@[192.0.2.1]"])
def test_outside_domains_stay_outside(written: str) -> None:
    assert isinstance(resolve(Grace(may_send=False), Policy(), parse_path(written)), NotOurs)


@pytest.mark.parametrize("written", WAITS)
def test_everything_else_waits(written: str) -> None:
    found = resolve(Grace(may_send=True), Policy(suspended="reject"), parse_path(written))
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
        (True, JOHN, "eve@other.test", False),
        (True, "nobody@brand-a.test", JOHN, False),
    ],
)
def test_senders(login: str, sender: str, *, may_send: bool, allowed: bool) -> None:
    found = authorise(Grace(may_send=may_send), Policy(), login, [Address.parse(sender)])
    assert isinstance(found, Allow if allowed else Defer)
    if isinstance(found, Defer):
        assert str(found.reply) == f"451 4.3.0 <{sender}>: Sender lookup failed, please try again"
