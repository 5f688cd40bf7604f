"""What changes at end of message: recipients replaced, and Delivered-To only where it tells nobody else's alias."""

import pytest

from routing.address import Address, parse_path
from routing.delivery import Copy, Recipient, copy_for, plan, xtext
from routing.policy import Policy
from routing.recipient import resolve
from routing.verdicts import Deliver
from tests.unit.sample_site import DIRECTORY, NOW


def rcpt(raw: str, notify: str | None = None, orcpt: str | None = None) -> Recipient:
    verdict = resolve(DIRECTORY, Policy(), parse_path(raw), NOW)
    return Recipient(raw, verdict if isinstance(verdict, Deliver) else None, notify, orcpt)


JOHN, MARY = "john@brand-a.test", "mary@brand-a.test"
CASES = [  # as typed, removed, added, Delivered-To
    (["<john@brand-a.test>"], [], [], []),
    (["<JOHN@brand-a.test>"], [], [], []),
    (["<sales@brand-a.test>"], ["<sales@brand-a.test>"], [JOHN], ["sales@brand-a.test"]),
    (["<SALES@Brand-B.test.>"], ["<SALES@Brand-B.test.>"], [JOHN], ["sales@brand-b.test"]),
    (["<any@brand-b.test>"], ["<any@brand-b.test>"], [JOHN], ["any@brand-b.test"]),
    (["<sales+x@brand-a.test>"], ["<sales+x@brand-a.test>"], ["john+x@brand-a.test"], ["sales+x@brand-a.test"]),
    (["<john+x@brand-a.test>"], [], [], ["john+x@brand-a.test"]),
    (["<john@bücher.test>"], ["<john@bücher.test>"], [JOHN], ["john@xn--bcher-kva.test"]),
    # several names of one mailbox: one copy, a field for each
    (
        ["<sales@brand-a.test>", "<info@brand-a.test>"],
        ["<sales@brand-a.test>", "<info@brand-a.test>"],
        [JOHN],
        ["sales@brand-a.test", "info@brand-a.test"],
    ),
    (["<john@brand-a.test>", "<sales@brand-a.test>"], ["<sales@brand-a.test>"], [], ["sales@brand-a.test"]),
    (["<sales@brand-a.test>", "<SALES@brand-a.test>"], ["<sales@brand-a.test>", "<SALES@brand-a.test>"], [JOHN],
     ["sales@brand-a.test"]),
    (  # differing details of one mailbox are dropped
        ["<sales+a@brand-a.test>", "<sales+b@brand-a.test>"],
        ["<sales+a@brand-a.test>", "<sales+b@brand-a.test>"],
        [JOHN],
        ["sales+a@brand-a.test", "sales+b@brand-a.test"],
    ),
    (["<john@brand-a.test>", "<JOHN@brand-a.test>"], [], [], []),
    (["<john@brand-a.test>", '<"john"@brand-a.test>'], ["<john@brand-a.test>", '<"john"@brand-a.test>'], [JOHN], []),
    (["<john@brand-a.test>", "<john+x@brand-a.test>"], ["<john+x@brand-a.test>"], [], ["john+x@brand-a.test"]),
    # two mailboxes, or an outside recipient: no shared header
    (["<sales@brand-a.test>", "<team@brand-a.test>"],
     ["<sales@brand-a.test>", "<team@brand-a.test>"], [JOHN, MARY], []),
    (["<sales@brand-a.test>", "<x@outside.test>"], ["<sales@brand-a.test>"], [JOHN], []),
    (["<x@outside.test>"], [], [], []),
    ([], [], [], []),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "removed", "added", "delivered_to"), CASES)
def test_plan(typed: list[str], removed: list[str], added: list[str], delivered_to: list[str]) -> None:
    changes = plan([rcpt(raw) for raw in typed])
    assert list(changes.remove) == removed
    assert [str(addition.address) for addition in changes.add] == added
    assert [str(name) for name in changes.delivered_to] == delivered_to


@pytest.mark.parametrize(
    ("typed", "told", "shown"),
    [
        ("<john+x@brand-a.test>", ["sales+x@brand-b.test"], []),  # the second pass of that message
        ("<john+x@brand-a.test>", ["sales+y@brand-b.test"], ["john+x@brand-a.test"]),
        ("<john+x@brand-a.test>", ["sales@brand-b.test"], ["john+x@brand-a.test"]),
        ("<sales+x@brand-a.test>", ["sales+x@brand-b.test"], ["sales+x@brand-a.test"]),
    ],
)
def test_a_second_pass_with_a_detail_adds_nothing(typed: str, told: list[str], shown: list[str]) -> None:
    assert [str(name) for name in plan([rcpt(typed)], told).delivered_to] == shown


PARAMETERS = [  # NOTIFY and ORCPT of each recipient, the parameters of the one that replaces them
    ([(None, None)], "ORCPT=rfc822;sales+2Bx@brand-a.test"),
    ([("NEVER", None)], "NOTIFY=NEVER ORCPT=rfc822;sales+2Bx@brand-a.test"),
    ([("success,failure", None)], "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;sales+2Bx@brand-a.test"),
    ([(None, "rfc822;original@x.test")], "ORCPT=rfc822;original@x.test"),
    ([("NEVER", None), ("NEVER", None)], "NOTIFY=NEVER ORCPT=rfc822;sales+2Bx@brand-a.test"),
    ([("NEVER", None), ("DELAY", None)], "NOTIFY=DELAY ORCPT=rfc822;sales+2Bx@brand-a.test"),
    ([("NEVER", None), (None, None)], "ORCPT=rfc822;sales+2Bx@brand-a.test"),  # the default applies to one of them
    ([("SUCCESS", None), ("DELAY,SUCCESS", None)], "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;sales+2Bx@brand-a.test"),
]


@pytest.mark.parametrize(("wishes", "expected"), PARAMETERS)
def test_delivery_status_wishes_are_carried(wishes: list[tuple[str | None, str | None]], expected: str) -> None:
    group = [rcpt("<sales+x@brand-a.test>", notify, orcpt) for notify, orcpt in wishes]
    (addition,) = plan(group).add
    assert addition.parameters == expected


@pytest.mark.parametrize(("text", "encoded"), [("a+b=c", "a+2Bb+3Dc"), ('"a b"@x', '"a+20b"@x'), ("ab", "ab")])
def test_xtext(text: str, encoded: str) -> None:
    assert xtext(text) == encoded


COPIES = [  # names of one mailbox as typed, the copy's recipient, its Delivered-To
    (["<john@brand-a.test>"], JOHN, []),
    (["<SALES@brand-a.test>", "<john@brand-a.test>", "<info@brand-a.test>"], JOHN,
     ["sales@brand-a.test", "info@brand-a.test"]),
    (["<sales+x@brand-a.test>"], "john+x@brand-a.test", ["sales+x@brand-a.test"]),
    (["<sales+x@brand-a.test>", "<info+y@brand-a.test>"], JOHN, ["sales+x@brand-a.test", "info+y@brand-a.test"]),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "target", "delivered_to"), COPIES)
def test_the_copy_of_one_mailbox(typed: list[str], target: str, delivered_to: list[str]) -> None:
    copy = copy_for(Address.parse(JOHN), [rcpt(raw, "NEVER", "rfc822;x@y") for raw in typed])
    names = tuple(Address.parse(name) for name in delivered_to)
    assert copy == Copy(Address.parse(target), names, "NOTIFY=NEVER ORCPT=rfc822;x@y")
