"""Who may send as whom: the ordered table of docs/design.md, section 4."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from routing.address import Address, AddressSyntaxError, routes_on, split_detail
from routing.directory import AffirmedFacts, Directory, LookupFailed
from routing.policy import Policy
from routing.records import Alias, HostedDomain, Mailbox, Name
from routing.replies import reply
from routing.verdicts import Allow, Defer, Reject, SenderVerdict


class Role(StrEnum):
    """What a listener is for. It belongs to the milter process, never to a macro that a client could steer."""

    INBOUND = "inbound"
    SUBMISSION = "submission"
    LOCAL = "local"
    INTERNAL = "internal"  # the Message API's own listener


def admit(role: Role, login: str | None) -> Reject | None:
    """Rows 1 and 2: submission needs a login, the inbound port must not have one."""
    if role in {Role.SUBMISSION, Role.INTERNAL} and not login:
        return Reject(reply("login-required"), "login-required")
    if role is Role.INBOUND and login:
        return Reject(reply("login-on-inbound"), "login-on-inbound")
    return None


def authorise(
    directory: Directory, policy: Policy, login: str, senders: Collection[Address], at: float
) -> SenderVerdict:
    """Decide whether ``login`` may send as every one of ``senders``; the first that it may not use decides.

    With no senders only the login itself is judged, as for the null reverse-path. ``login`` is what SASL reported,
    ``at`` the moment of the decision in seconds since 1970.
    """
    user = canonical_login(policy, login)
    if user is None:
        return Reject(reply("login-malformed"), "login-malformed")
    try:
        facts = directory.lookup(wanted(policy, user, senders))
    except LookupFailed:
        shown = next(iter(senders), user)
        return Defer(reply("sender-no-evidence", address=shown), "no-evidence")
    return decide(policy, user, senders, facts, at)


def canonical_login(policy: Policy, login: str) -> Address | None:
    """Return the mailbox address that a SASL login means; None when it means none.

    A bare login is completed by the configured default domain, or refused. A sub-address is no login of its own.
    """
    text = login if "@" in login or policy.default_domain is None else f"{login}@{policy.default_domain}"
    try:
        return Address.parse(text)
    except AddressSyntaxError:
        return None


def wanted(policy: Policy, user: Address, senders: Collection[Address]) -> set[Address]:
    """Return the names whose records the table needs, for one look-up."""
    return {user, *senders, *(_without_detail(policy, sender) for sender in senders)}


def decide(
    policy: Policy, user: Address, senders: Collection[Address], facts: Mapping[str, HostedDomain], at: float
) -> SenderVerdict:
    """Run the table over facts that a directory gave for :func:`wanted`."""
    verdict = _by_table(policy, user, senders, facts, at)
    if isinstance(facts, AffirmedFacts) and not (facts.may_send and isinstance(verdict, Allow)):
        return Defer(reply("sender-no-evidence", address=next(iter(senders), user)), "no-evidence")
    return verdict


def _by_table(
    policy: Policy, user: Address, senders: Collection[Address], facts: Mapping[str, HostedDomain], at: float
) -> SenderVerdict:
    mailbox = _find(facts, user)
    if not isinstance(mailbox, Mailbox):
        return _refuse_login("login-unknown", user)  # also an alias: aliases cannot log in
    for refused, slug in (
        (not mailbox.is_active, "login-paused"),
        (not mailbox.domain_active, "login-domain-off"),
        (not mailbox.account_active, "login-suspended"),
    ):
        if refused:
            return _refuse_login(slug, user)
    for sender in senders:
        slug = ownership(policy, user, sender, facts, at)
        if slug != "owned":
            return Reject(reply(slug, address=sender, login=user), slug)
    return Allow()


def ownership(policy: Policy, user: Address, sender: Address, facts: Mapping[str, HostedDomain], at: float) -> str:
    """Rows 5 and 6 for one address: ``owned``, or the slug of the refusal.

    The refusals come in the order of docs/design.md, section 4: foreign, own but inactive, own but not for sending.
    A detail that no mailbox could show, or that an old relay may route on, is nobody's.
    """
    name = _find(facts, sender) or _find(facts, _without_detail(policy, sender))
    if name is None or (name.mailbox if isinstance(name, Alias) else name).address != user:
        return "sender-not-owned"
    if not sender.is_ascii or routes_on(sender.local):
        return "sender-detail"
    if isinstance(name, Mailbox):
        return "owned"
    if not (name.is_active and facts[sender.domain].is_active):
        return "sender-disabled"
    if name.is_expired(at):
        return "sender-expired"
    return "owned" if name.can_send else "cannot-send-as"


def _find(facts: Mapping[str, HostedDomain], address: Address) -> Name | None:
    domain = facts.get(address.domain)
    return None if domain is None else domain.names.get(address.local)


def _without_detail(policy: Policy, address: Address) -> Address:
    return Address(split_detail(address.local, policy.recipient_delimiter)[0], address.domain)


def _refuse_login(slug: str, user: Address) -> Reject:
    return Reject(reply(slug, login=user), slug)
