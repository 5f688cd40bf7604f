"""Outside mail that claims a sender of ours: what it shows, and who is refused."""

import pytest

from routing.address import Address
from routing.memory_directory import SilentDirectory
from routing.spoof import MOST_CLAIMS, claimed_addresses, judge_claims
from routing.verdicts import Defer, Reject
from tests.unit.sample_site import DIRECTORY

SHOWN = [  # raw From value, addresses that a reader may see in it
    (b" john@brand-a.test", ["john@brand-a.test"]),
    (b' "ceo@brand-b.test" <x@outside.test>', ["ceo@brand-b.test", "x@outside.test"]),
    (b" a@x.test, john@Brand-A.TEST (c@d.test)", ["a@x.test", "john@brand-a.test", "c@d.test"]),
    (b" group: john@brand-a.test;", ["john@brand-a.test"]),
    (b" J\xf6hn <j\xf6@brand-a.test>", ["j\ufffd@brand-a.test"]),
    (b" 'john@brand-a.test' <x@outside.test>", ["john@brand-a.test", "x@outside.test"]),
    (b" <john@\r\n brand-a.test>", ["john@brand-a.test"]),
    (b' "john"@brand-a.test.', ["john@brand-a.test"]),
    (b" =?utf-8?q?john=40brand-a.test?= <x@outside.test>", ["x@outside.test", "john@brand-a.test"]),
    (b" =?utf-8?q?john=40brand-a.test <x@outside.test>", ["x@outside.test"]),  # malformed: no one decodes it
    ("j@bücher.test k@_.test".encode(), ["j@xn--bcher-kva.test"]),
    (b" nobody", []),
    (b" @ @x.test x@", []),
    (b"", []),
]


@pytest.mark.parametrize(("value", "shown"), SHOWN)
def test_what_a_from_shows(value: bytes, shown: list[str]) -> None:
    assert [str(address) for address in claimed_addresses(value)] == shown


def test_the_number_of_claims_is_bounded() -> None:
    """One more than are looked up, so that the surplus is seen and refused."""
    assert claimed_addresses(b" a@x.test" * 1000) == [Address.parse("a@x.test")]
    many = claimed_addresses(b" ".join(b"a%d@x.test" % number for number in range(1000)))
    assert len(many) == MOST_CLAIMS + 1
    assert judge_claims(DIRECTORY, many[:MOST_CLAIMS]) is None
    verdict = judge_claims(DIRECTORY, many)
    assert isinstance(verdict, Reject)
    assert str(verdict.reply) == "550 5.7.1 Sender address rejected: the field holds more than one address"


@pytest.mark.parametrize(
    ("claimed", "refused"),
    [
        ([], None),
        (["x@outside.test"], None),
        (["x@outside.test", "nobody@brand-a.test"], "nobody@brand-a.test"),
        (["john@off.test"], "john@off.test"),
    ],
)
def test_hosted_senders_are_refused(claimed: list[str], refused: str | None) -> None:
    verdict = judge_claims(DIRECTORY, [Address.parse(text) for text in claimed])
    if refused is None:
        assert verdict is None
    else:
        assert isinstance(verdict, Reject)
        expected = f"550 5.7.1 <{refused}>: Sender address rejected: log in to send from this domain"
        assert (verdict.rule, str(verdict.reply)) == ("spoofed-sender", expected)


def test_no_evidence_is_451() -> None:
    verdict = judge_claims(SilentDirectory(), [Address.parse("x@outside.test")])
    assert isinstance(verdict, Defer)
    assert verdict.rule == "no-evidence"
    assert str(verdict.reply) == "451 4.3.0 <x@outside.test>: Sender lookup failed, please try again"
    assert judge_claims(SilentDirectory(), []) is None
