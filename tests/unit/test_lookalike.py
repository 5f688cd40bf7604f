"""Look-alikes of a recipient's domain, and names of colleagues, in mail from outside."""

import pytest

from routing.address import Address
from routing.directory import AffirmedFacts
from routing.lookalike import judge_lookalikes
from routing.memory_directory import MemoryDirectory, SilentDirectory
from routing.records import HostedDomain
from routing.replies import reply
from routing.verdicts import Defer, Reject
from store.services.skeletons import skeleton
from tests.unit.sample_site import DIRECTORY

LOOK_ALIKE = ["brаnd-a.test", "brand-а.test", "mail.brаnd-a.test", "brαnd-a.test", "br\u0430nd-\u0430.test"]
APART = ["brand-a.test", "mail.brand-a.test", "brand-a.example", "brand-c.test", "bränd-a.test", "test", "a.test"]


def claimed(domain: str) -> list[Address]:
    return [Address.parse("x@outside.example"), Address.parse(f"ceo@{domain}")]


@pytest.mark.parametrize("domain", LOOK_ALIKE)
def test_look_alikes(domain: str) -> None:
    verdict = judge_lookalikes(DIRECTORY, claimed(domain), ["brand-b.test", "brand-a.test"], skeleton)
    assert isinstance(verdict, Reject)
    assert str(verdict.reply) == (
        f"550 5.7.1 <{claimed(domain)[1]}>: Sender address rejected: this domain looks like the recipient's"
    )
    assert judge_lookalikes(DIRECTORY, claimed(domain), ["brand-b.test"], skeleton) is None  # another tenant's


@pytest.mark.parametrize("domain", APART)
def test_names_of_their_own(domain: str) -> None:
    assert judge_lookalikes(DIRECTORY, claimed(domain), ["brand-a.test"], skeleton) is None


@pytest.mark.parametrize(
    ("name", "twin"),
    [("b0b1.test", "bobl.test"), ("xn--80ak6aa92e.com", "apple.com"), ("xn--brnd-a-4nf.test", "brand-a.test")],
)
def test_skeletons(name: str, twin: str) -> None:
    assert skeleton(name) == skeleton(twin)


def test_a_hosted_look_alike_has_proved_itself_and_doubt_is_451() -> None:
    twin = Address.parse("ceo@brаnd-a.test")
    hosted = MemoryDirectory([HostedDomain(twin.domain)])
    assert judge_lookalikes(hosted, [twin], ["brand-a.test"], skeleton) is None
    unsure = Defer(reply("sender-no-evidence", address=twin), "no-evidence")
    assert judge_lookalikes(SilentDirectory(), [twin], ["brand-a.test"], skeleton) == unsure

    class Grace:
        def lookup(self, wanted: object) -> AffirmedFacts:
            return AffirmedFacts({}, may_send=True)

    assert judge_lookalikes(Grace(), [twin], ["brand-a.test"], skeleton) == unsure
    refused = Reject(reply("lookalike-sender", address=twin), "lookalike-sender")
    assert judge_lookalikes(DIRECTORY, [twin], ["brand-a.test"], skeleton) == refused
