"""The steps of an explanation: every fact that could decide, in the order of the tables, and which of them did.

Which facts a rule rests on stands in :data:`RESTS_ON`. Of several names, and of the places that take system mail, those
matter up to the first that answers: the table looks no further.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from routing.address import Address, split_detail
from routing.moments import moment_text
from routing.policy import Policy
from routing.records import Alias, HostedDomain, Mailbox, Name, is_kept
from routing.sender_rules import SenderRules

KEPT = "deleted, and kept from other mailboxes"
DOMAIN, NAME, CATCH_ALL, STEWARD = "domain", "name", "catch-all", "steward"  # kinds of facts; the last for system mail

# rule of a recipient (routing.recipient): the kinds of facts that led to it. One that is not here rests on all.
RESTS_ON: Mapping[str, frozenset[str]] = {
    "postmaster": frozenset({STEWARD}),
    "no-postmaster": frozenset({STEWARD}),
    "mailbox": frozenset({DOMAIN, NAME}),
    "mailbox-paused": frozenset({DOMAIN, NAME}),
    "alias": frozenset({DOMAIN, NAME}),
    "alias-disabled": frozenset({DOMAIN, NAME}),
    "sender-not-listed": frozenset({DOMAIN, NAME}),
    "sender-blocked": frozenset({DOMAIN, NAME}),
    "alias-expired": frozenset({DOMAIN, NAME}),
    "alias-receive-off": frozenset({DOMAIN, NAME}),
    "name-kept": frozenset({DOMAIN, NAME}),
    "domain-off": frozenset({DOMAIN, NAME}),
    "account-suspended": frozenset({DOMAIN, NAME}),
    "system-address": frozenset({DOMAIN, NAME, STEWARD}),
    "catch-all": frozenset({DOMAIN, NAME, CATCH_ALL}),
    "unknown": frozenset({DOMAIN, NAME, CATCH_ALL}),
}
_MOST_SHOWN = 5  # entries of an alias's senders
_EVERYTHING = frozenset({DOMAIN, NAME, CATCH_ALL, STEWARD})


@dataclass(frozen=True, slots=True)
class Seen:
    """What was known, and when: a moment in seconds since 1970."""

    facts: Mapping[str, HostedDomain]
    at: float


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked up, and what was found, both for people to read."""

    looked_up: str
    found: str
    mattered: bool = True  # False: the verdict would be the same whatever had been found


@dataclass(frozen=True, slots=True)
class _Fact:
    """A step before it is known whether it mattered."""

    kind: str
    step: Step
    answers: bool = False  # later ones of the same kind are not looked at


def unanswered() -> Step:
    """Return the step of a question that the directory did not answer."""
    return Step("directory", "no answer")


def recipient_steps(policy: Policy, address: Address, seen: Seen, rule: str) -> tuple[Step, ...]:
    """Return what was looked up for a recipient about whom ``rule`` decided."""
    domain = seen.facts.get(address.domain)
    if domain is None:
        return (Step(f"domain {address.domain}", "not hosted"),)
    kinds = _rests_on(policy, address, domain, rule)
    return tuple(_judged(_recipient_facts(policy, address, domain, seen), kinds))


def sender_steps(policy: Policy, user: Address, sender: Address, seen: Seen, rule: str) -> tuple[Step, ...]:
    """Return what was looked up for a login that wants to send as ``sender``, when ``rule`` decided."""
    login = replace(_name_fact(user, seen), kind="login")
    names = [_name_fact(name, seen) for name in _with_and_without_detail(policy, sender) if name != user]
    kinds = {"login"} if rule.startswith("login-") else {"login", NAME}
    return tuple(_judged([login, *names], frozenset(kinds)))


def _rests_on(policy: Policy, address: Address, domain: HostedDomain, rule: str) -> frozenset[str]:
    if rule in {"domain-off", "account-suspended"} and not (domain.is_active and domain.account_active):
        return frozenset({DOMAIN})  # no name was looked at
    if rule in {"catch-all", "unknown"} and _is_system_name(policy, address):
        return _EVERYTHING  # nobody takes the domain's system mail
    return RESTS_ON.get(rule, _EVERYTHING)


def _judged(facts: Iterable[_Fact], kinds: frozenset[str]) -> Iterator[Step]:
    answered: set[str] = set()
    for fact in facts:
        yield replace(fact.step, mattered=fact.kind in kinds and fact.kind not in answered)
        if fact.answers:
            answered.add(fact.kind)


def _recipient_facts(policy: Policy, address: Address, domain: HostedDomain, seen: Seen) -> Iterator[_Fact]:
    yield _Fact(DOMAIN, Step(f"domain {domain.name}", _domain_state(domain)))
    for name in _with_and_without_detail(policy, address):
        yield _name_fact(name, seen, answers=name.local in policy.system_addresses)
    yield _Fact(CATCH_ALL, Step(f"catch-all of {domain.name}", _mailbox_state(domain.catch_all)))
    for title, mailbox in (("system", domain.system_mailbox), ("oldest", domain.oldest_mailbox)):
        step = Step(f"{title} mailbox of {domain.name}", _mailbox_state(mailbox))
        yield _Fact(STEWARD, step, answers=mailbox is not None and mailbox.is_active)
    if policy.postmaster is not None and _is_system_name(policy, address):
        yield replace(_name_fact(policy.postmaster, seen), kind=STEWARD)


def _with_and_without_detail(policy: Policy, address: Address) -> list[Address]:
    base, detail = split_detail(address.local, policy.recipient_delimiter)
    return [address] if detail is None else [address, Address(base, address.domain)]


def _is_system_name(policy: Policy, address: Address) -> bool:
    base, _ = split_detail(address.local, policy.recipient_delimiter)
    return base == "postmaster" or base in policy.system_addresses


def _name_fact(name: Address, seen: Seen, *, answers: bool = False) -> _Fact:
    domain = seen.facts.get(name.domain)
    claimed = None if domain is None else domain.names.get(name.local)
    found = "not hosted" if domain is None else KEPT if is_kept(claimed, name) else _name_state(claimed, seen.at)
    return _Fact(NAME, Step(f"name {name}", found), answers=answers or claimed is not None)


def _domain_state(domain: HostedDomain) -> str:
    state = "hosted" if domain.is_active else "hosted, switched off"
    return state if domain.account_active else f"{state}, account suspended"


def _name_state(name: Name | None, at: float) -> str:
    if not isinstance(name, Alias):
        return _mailbox_state(name)
    flags = [
        "active" if name.is_active else "disabled",
        f"receive {'on' if name.can_receive else 'off'}",
        f"send {'on' if name.can_send else 'off'}",
    ]
    if name.expires_at is not None:
        flags.append(f"{'expired at' if name.is_expired(at) else 'expires at'} {moment_text(name.expires_at)}")
    senders = "" if name.senders is None else f"; takes mail from {_senders(name.senders)}"
    return f"alias of {_mailbox_state(name.mailbox)}; {', '.join(flags)}{senders}"


def _senders(rules: SenderRules) -> str:
    shown = ", ".join(rules.entries[:_MOST_SHOWN]) or "nobody"
    more = f" and {len(rules.entries) - _MOST_SHOWN} more" if len(rules.entries) > _MOST_SHOWN else ""
    who = f"{shown}{more} only" if rules.mode == "listed" else f"everyone but {shown}{more}"
    return f"{who}, if authenticated" if rules.require_authenticated else who


def _mailbox_state(mailbox: Mailbox | None) -> str:
    if mailbox is None:
        return "none"
    states = [
        "active" if mailbox.is_active else "paused",
        *([] if mailbox.domain_active else ["domain switched off"]),
        *([] if mailbox.account_active else ["account suspended"]),
    ]
    return f"mailbox {mailbox.address} ({', '.join(states)})"
