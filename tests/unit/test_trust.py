"""Forged trust in submitted mail: field by field, what is claimed and what is said to it."""

from collections.abc import Collection

import pytest

from routing.address import Address
from routing.directory import AffirmedFacts
from routing.memory_directory import SilentDirectory
from routing.policy import Policy
from routing.replies import reply
from routing.trust import MOST_CLAIMS, REASONS, TrustClaims, first_not_owned, judge_trust
from routing.verdicts import Defer, Reject
from tests.unit.sample_site import DIRECTORY, DOMAINS, NOW

JOHN = "john@brand-a.test"
IDS = frozenset({"mx.brand-a.test"})
POLICY_IDS = Policy(authserv_ids=IDS)

FORGED = [  # field, reason
    ("Authentication-Results", b" mx.brand-a.test; dkim=pass", "forged-results"),
    ("authentication-results", b" (x;y) MX.Brand-A.test. 1; none", "forged-results"),
    ("Authentication-Results ", b' "mx.brand-a.test";none', "forged-results"),
    ("Authentication-Results", b"\r\n\tmx.brand-a.test\r\n ; none", "forged-results"),
    ("ARC-Authentication-Results", b" i=1; mx.brand-a.test; dkim=pass", "forged-arc"),
    ("ARC-Seal", b" i=1; a=rsa-sha256; d=mx.brand-a.test; s=x", "forged-arc"),
    ("ARC-Message-Signature", b"d = MX.brand-a.test", "forged-arc"),
    ("X-Byname-Notice", b" display-name-of-colleague", "forged-byname"),
    ("x-byname-anything", b"", "forged-byname"),
    ("Autocrypt", b" addr=ceo@bank.test; keydata=AAAA", "foreign-key"),
    ("Autocrypt", b" prefer-encrypt=mutual; ADDR = mary@brand-a.test; keydata=AAAA", "foreign-key"),
    ("Autocrypt", b" addr=john@brand-a.test; addr=ceo@bank.test", "foreign-key"),
    ("Autocrypt", b" addr=nonsense; keydata=AAAA", "foreign-key"),
    ("Autocrypt", b" addr=info@brand-a.test", "foreign-key"),  # own, with send off
    ("Autocrypt", b";addr=john@brand-a.test" * (MOST_CLAIMS + 1), "foreign-key"),
]
FREE = [
    ("Authentication-Results", b" mx.google.test; dkim=pass header.d=mx.brand-a.test"),
    ("Authentication-Results", b" notmx.brand-a.test; none"),
    ("ARC-Seal", b" i=1; d=google.test; s=mx.brand-a.test"),
    ("ARC-Filter", b" OpenARC mx.brand-a.test"),
    ("X-Byname-Trace", b" 1, abcd"),  # judged by its key (routing.trace)
    ("X-Bynames", b" x"),
    ("Autocrypt", b" addr=john+x@brand-a.test; keydata=AAAA"),
    ("Autocrypt", b" keydata=AAAA"),
    ("Subject", b" mx.brand-a.test"),
]


def claims(*fields: tuple[str, bytes]) -> TrustClaims:
    made = TrustClaims(IDS)
    for name, value in fields:
        made.add(name, value)
    return made


@pytest.mark.parametrize(("name", "value", "reason"), FORGED)
def test_forged(name: str, value: bytes, reason: str) -> None:
    for fields in ([(name, value)], [(name, value), ("Autocrypt", b" addr=john@brand-a.test")]):
        verdict = judge_trust(DIRECTORY, Policy(), JOHN, claims(*fields), NOW)
        assert isinstance(verdict, Reject)
        assert (verdict.rule, str(verdict.reply)) == (reason, f"550 5.7.1 Message rejected: {REASONS[reason]}")


@pytest.mark.parametrize(("name", "value"), FREE)
def test_free(name: str, value: bytes) -> None:
    assert judge_trust(DIRECTORY, Policy(), JOHN, claims((name, value)), NOW) is None


def test_every_reason_has_a_case() -> None:
    assert {case[2] for case in FORGED} == REASONS.keys()


def test_no_evidence_is_451() -> None:
    class Grace:
        def lookup(self, wanted: object) -> AffirmedFacts:
            return AffirmedFacts({each.name: each for each in DOMAINS}, may_send=True)

    mine, foreign = (claims(("Autocrypt", b" addr=%s@brand-a.test" % name)) for name in (b"john", b"mary"))
    silent = judge_trust(SilentDirectory(), Policy(), JOHN, mine, NOW)
    assert isinstance(silent, Defer)
    assert str(silent.reply).startswith("451 4.3.0 ")
    assert isinstance(judge_trust(Grace(), Policy(), JOHN, foreign, NOW), Defer)
    assert judge_trust(Grace(), Policy(), JOHN, mine, NOW) is None
    assert first_not_owned(DIRECTORY, Policy(), "no login", mine.keys, NOW) is None


def test_a_trailing_dot_and_octets_that_are_no_text() -> None:
    for name, value, reason in (
        ("Authentication-Results", b" \xff mx.brand-a.test.; none", "forged-results"),
        ("ARC-Seal", b" i=1; d=mx.brand-a.test.; x=\xff", "forged-arc"),
    ):
        claims = TrustClaims(IDS)
        claims.add(name, value)
        assert claims.reason == reason


def test_only_autocrypt_holds_keys() -> None:
    claims = TrustClaims(IDS)
    claims.add("X-Other", b" addr=ceo@bank.test")
    assert claims.keys == []
    claims.add("X-Byname-Notice", b"x")
    claims.add("Autocrypt", b" addr=ceo@bank.test")
    assert claims.keys == []  # refused already: nothing more is read


def test_as_many_keys_as_may_be() -> None:
    claims = TrustClaims(IDS)
    claims.add("Autocrypt", b";addr=john@brand-a.test" * MOST_CLAIMS)
    assert claims.reason is None
    assert judge_trust(DIRECTORY, POLICY_IDS, JOHN, claims, NOW) is None


def test_what_is_said_without_evidence() -> None:
    user, ceo = Address.parse(JOHN), Address.parse("ceo@bank.test")
    silent = first_not_owned(SilentDirectory(), POLICY_IDS, JOHN, [ceo], NOW)
    assert silent == Defer(reply("sender-no-evidence", address=user), "no-evidence")

    class Grace:
        def lookup(self, wanted: Collection[Address]) -> AffirmedFacts:
            return AffirmedFacts(DIRECTORY.lookup(wanted), may_send=True)

    unsure = first_not_owned(Grace(), POLICY_IDS, JOHN, [ceo], NOW)
    assert unsure == Defer(reply("sender-no-evidence", address=ceo), "no-evidence")
