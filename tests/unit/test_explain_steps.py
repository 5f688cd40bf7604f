"""Which look-ups of an explanation mattered: those without which the verdict could be another, and no further ones."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import pytest

from routing.address import Address
from routing.directory import AffirmedFacts, Directory
from routing.explain import EvidenceNoting, compare, explain_recipient, explain_sender
from routing.memory_directory import SilentDirectory
from routing.policy import Policy
from routing.recipient import decide, wanted
from routing.records import HostedDomain, Mailbox
from tests.unit.sample_site import DIRECTORY, DOMAINS, JOHN, NOW

OUTSIDE = Policy(postmaster=Address("root", "outside.test"))
INSIDE = Policy(postmaster=Address("mary", "brand-a.test"))

RECIPIENTS = [  # text, policy, rule, what mattered
    ("john@brand-a.test", Policy(), "mailbox", ["domain brand-a.test", "name john@brand-a.test"]),
    ("sales+x@brand-a.test", Policy(), "alias",
     ["domain brand-a.test", "name sales+x@brand-a.test", "name sales@brand-a.test"]),
    ("off@brand-b.test", Policy(), "alias-disabled", ["domain brand-b.test", "name off@brand-b.test"]),
    ("gone@brand-b.test", Policy(), "alias-expired", ["domain brand-b.test", "name gone@brand-b.test"]),
    ("deleted@brand-b.test", Policy(), "name-kept", ["domain brand-b.test", "name deleted@brand-b.test"]),
    ("x+y@brand-b.test", Policy(), "catch-all",
     ["domain brand-b.test", "name x+y@brand-b.test", "name x@brand-b.test", "catch-all of brand-b.test"]),
    ("x@brand-a.test", Policy(), "unknown",
     ["domain brand-a.test", "name x@brand-a.test", "catch-all of brand-a.test"]),
    ("postmaster@brand-a.test", Policy(), "postmaster", ["system mailbox of brand-a.test"]),
    ("abuse@brand-a.test", Policy(), "system-address",
     ["domain brand-a.test", "name abuse@brand-a.test", "system mailbox of brand-a.test"]),
    ("postmaster@drowsy.test", Policy(), "postmaster",
     ["system mailbox of drowsy.test", "oldest mailbox of drowsy.test"]),
    ("postmaster@empty.test", OUTSIDE, "postmaster",
     ["system mailbox of empty.test", "oldest mailbox of empty.test", "name root@outside.test"]),
    ("postmaster@empty.test", Policy(), "no-postmaster",
     ["system mailbox of empty.test", "oldest mailbox of empty.test"]),
    ("old@off.test", Policy(), "domain-off", ["domain off.test"]),
    ("sue@suspended.test", Policy(), "account-suspended", ["domain suspended.test"]),
    ("moved@brand-a.test", Policy(), "domain-off", ["domain brand-a.test", "name moved@brand-a.test"]),
    ("x@outside.test", Policy(), "not-hosted", ["domain outside.test"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "policy", "rule", "mattered"), RECIPIENTS)
def test_recipients(text: str, policy: Policy, rule: str, mattered: list[str]) -> None:
    found = explain_recipient(DIRECTORY, policy, text, NOW)
    assert found.rule == rule
    assert [step.looked_up for step in found.steps if step.mattered] == mattered


SENDERS = [  # login, sender, rule, what mattered
    ("john@brand-a.test", "sales@brand-b.test", "owned", ["name john@brand-a.test", "name sales@brand-b.test"]),
    ("john@brand-a.test", "sales+x@brand-b.test", "owned",
     ["name john@brand-a.test", "name sales+x@brand-b.test", "name sales@brand-b.test"]),
    ("john@brand-a.test", "john@brand-a.test", "owned", ["name john@brand-a.test"]),
    ("john@brand-a.test", "x@outside.test", "sender-not-owned", ["name john@brand-a.test", "name x@outside.test"]),
    ("sue@suspended.test", "sue+x@suspended.test", "login-suspended", ["name sue@suspended.test"]),
    ("paused@brand-a.test", "sales@brand-a.test", "login-paused", ["name paused@brand-a.test"]),
]  # fmt: skip


@pytest.mark.parametrize(("login", "sender", "rule", "mattered"), SENDERS)
def test_senders(login: str, sender: str, rule: str, mattered: list[str]) -> None:
    found = explain_sender(DIRECTORY, Policy(), login, sender, NOW)
    assert found.rule == rule
    assert [step.looked_up for step in found.steps if step.mattered] == mattered


STATES = (None, JOHN, replace(JOHN, is_active=False), Mailbox(Address("eve", "other.test")))
LOCALS = (
    "john",
    "sales",
    "off",
    "outbox",
    "sleeping",
    "moved",
    "old",
    "sue",
    "x",
    "x+y",
    "sales+x",
    "eve",
    "abuse",
    "abuse+x",
)


def otherwise(domain: HostedDomain, address: Address, looked_up: str) -> Iterator[HostedDomain]:
    """Yield the domain with something else in the place of what was looked up."""
    kind, _, rest = looked_up.partition(" ")
    if kind == "domain":
        yield replace(domain, is_active=not domain.is_active)
        yield replace(domain, account_active=not domain.account_active)
    elif kind == "name":
        local = rest.rpartition("@")[0]
        for state in STATES:
            others = {name: known for name, known in domain.names.items() if name != local}
            yield replace(domain, names=others if state is None else {**others, local: state})
    else:
        field = {"catch-all": "catch_all", "system": "system_mailbox", "oldest": "oldest_mailbox"}[kind]
        for state in STATES:
            yield replace(domain, **{field: state})  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", [Policy(), Policy(suspended="reject"), OUTSIDE, INSIDE])
@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_what_did_not_matter_changes_no_verdict(domain: HostedDomain, policy: Policy) -> None:
    tried = 0
    for local in (*LOCALS, "postmaster", "x" * 256):
        address = Address(local, domain.name)
        facts = dict(DIRECTORY.lookup(wanted(policy, address)))
        verdict = decide(policy, address, facts, NOW)
        for step in explain_recipient(DIRECTORY, policy, f"{local}@{domain.name}", NOW).steps:
            if step.mattered or not step.looked_up.endswith(domain.name):
                continue
            for other in otherwise(facts[domain.name], address, step.looked_up):
                assert decide(policy, address, {**facts, domain.name: other}, NOW) == verdict, (address, step)
                tried += 1
    assert tried > 0


class Grace:
    """A directory that answers with affirmed facts only, until its lease is back."""

    leased = False

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        facts = DIRECTORY.lookup(wanted)
        return facts if self.leased else AffirmedFacts(facts, may_send=False)


@pytest.mark.parametrize(
    ("deciding", "cache", "sql", "text", "verdict", "answered_by"),
    [
        (DIRECTORY, None, DIRECTORY, "john@brand-a.test", "deliver", "sql"),
        (DIRECTORY, DIRECTORY, DIRECTORY, "john@brand-a.test", "deliver", "cache"),
        (DIRECTORY, SilentDirectory(), DIRECTORY, "john@brand-a.test", "deliver", "sql"),
        (DIRECTORY, DIRECTORY, SilentDirectory(), "x@brand-a.test", "reject", "cache"),
        (Grace(), SilentDirectory(), SilentDirectory(), "john@brand-a.test", "deliver", "grace"),
        (Grace(), SilentDirectory(), SilentDirectory(), "x@brand-a.test", "defer", "grace"),
        (SilentDirectory(), SilentDirectory(), SilentDirectory(), "john@brand-a.test", "defer", None),
        (DIRECTORY, DIRECTORY, DIRECTORY, "no-domain", "not-ours", None),
    ],
)
def test_who_answered(
    deciding: Directory,
    cache: Directory | None,
    sql: Directory,
    text: str,
    verdict: str,
    answered_by: str | None,
) -> None:
    found = compare(lambda directory: explain_recipient(directory, Policy(), text, NOW), deciding, cache, sql)
    assert (found.found.verdict, found.answered_by) == (verdict, answered_by)


def test_one_answer_under_grace_makes_all_of_it_so() -> None:
    grace = Grace()
    noting = EvidenceNoting(grace)
    noting.lookup({JOHN.address})
    grace.leased = True
    noting.lookup({JOHN.address})
    assert noting.evidence == "grace"
