"""What happens to a recipient: the ordered table of docs/design.md, section 3.

``resolve`` asks the directory once and runs the table; ``decide`` is the table alone, for facts already at hand. The
first row with an answer wins. Lookup order within the name rows: the exact local part, then the part before the
delimiter, and only when neither is claimed the catch-all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from routing.address import Address, routes_on, split_detail
from routing.allowed_senders import EnvelopeSender, permits
from routing.directory import AffirmedFacts, Directory, LookupFailed
from routing.policy import Policy
from routing.records import Alias, HostedDomain, Mailbox, Name, is_kept
from routing.replies import reply
from routing.sender_rules import SenderRules
from routing.verdicts import Defer, Deliver, Gate, NotOurs, RecipientVerdict, Reject

AskSender = Callable[[], EnvelopeSender]  # read only where an alias has rules about it
Facts = Mapping[str, HostedDomain]

REFUSED_BY = {"listed": "sender-not-listed", "except": "sender-blocked"}  # by the mode of the alias's rules
EXPIRED = "alias-expired"  # rule: refused now, not before

_LONGEST_LOCAL = 255  # octets; RFC 5321 says 64, but senders' sub-addresses are longer in practice


@dataclass(frozen=True, slots=True)
class Case:
    """One recipient with all that is known of it."""

    address: Address  # as written, canonical
    base: str  # the local part without its detail
    detail: str | None  # with its delimiter
    domain: HostedDomain
    facts: Facts
    policy: Policy
    at: float  # the moment of the decision, seconds since 1970
    sender: AskSender | None = None  # None: asked without a message, so nobody is refused for who he is

    def deliver(self, mailbox: Address, rule: str, detail: str | None) -> Deliver:
        """Say that this recipient goes to ``mailbox``."""
        return Deliver(self.address, mailbox, detail, rule)

    def reject(self, slug: str, rule: str | None = None) -> Reject:
        """Refuse for good, with the reply named ``slug``."""
        return Reject(reply(slug, address=self.address), rule or slug)

    def defer(self, slug: str) -> Defer:
        """Ask the client to try again, with the reply named ``slug``."""
        return Defer(reply(slug, address=self.address), slug)


Row = Callable[[Case], RecipientVerdict | None]


def resolve(
    directory: Directory, policy: Policy, address: Address | None, at: float, sender: AskSender | None = None
) -> RecipientVerdict:
    """Decide about one recipient at the moment ``at``. ``address`` is None for what names no domain (row 2)."""
    if address is None:
        return NotOurs("no-domain")
    try:
        facts = directory.lookup(wanted(policy, address))
    except LookupFailed:
        return Defer(reply("no-evidence", address=address), "no-evidence")
    return decide(policy, address, facts, at, sender)


def wanted(policy: Policy, address: Address) -> set[Address]:
    """Return the names whose records the table needs, for one look-up."""
    base, detail = split_detail(address.local, policy.recipient_delimiter)
    names = {address} if detail is None else {address, Address(base, address.domain)}
    if policy.postmaster and (base == "postmaster" or base in policy.system_addresses):
        names.add(policy.postmaster)
    return names


def decide(
    policy: Policy, address: Address, facts: Facts, at: float, sender: AskSender | None = None
) -> RecipientVerdict:
    """Run the table over facts that a directory gave for :func:`wanted`; ``at`` is now, in seconds since 1970."""
    verdict = _by_table(policy, address, facts, at, sender)
    if isinstance(facts, AffirmedFacts) and not _affirmed(verdict):
        return Defer(reply("no-evidence", address=address), "no-evidence")
    return verdict


def _affirmed(verdict: RecipientVerdict) -> bool:
    """True for what holds under grace: not a refusal, and nothing that rests on a name's absence."""
    return isinstance(verdict, NotOurs) or (isinstance(verdict, Deliver) and verdict.rule in {"mailbox", "alias"})


def _by_table(policy: Policy, address: Address, facts: Facts, at: float, sender: AskSender | None) -> RecipientVerdict:
    domain = facts.get(address.domain)
    if domain is None:
        return NotOurs(is_fresh=not isinstance(facts, AffirmedFacts))
    base, detail = split_detail(address.local, policy.recipient_delimiter)
    case = Case(address, base, detail, domain, facts, policy, at, sender)
    for row in RECIPIENT_TABLE:
        verdict = row(case)
        if verdict is not None:
            return verdict
    return case.reject("user-unknown", "unknown")


# The rows, in the order of docs/design.md, section 3. Rows 1 and 2 are above; row 12 is the end of the table.


def _routing_detail(case: Case) -> RecipientVerdict | None:
    """A detail stays on the mailbox address, and a relay behind us may route on what is in it."""
    return case.reject("detail-routes") if case.detail and routes_on(case.detail) else None


def _postmaster(case: Case) -> RecipientVerdict | None:
    """Row 3: RFC 5321 section 4.5.1 wants postmaster reachable in every domain, whatever else is off."""
    if case.base != "postmaster":
        return None
    return _to_steward(case, "postmaster") or case.defer("no-postmaster")


def _domain_state(case: Case) -> RecipientVerdict | None:
    """Row 4, for the domain written to."""
    return _stopped(case, domain_active=case.domain.is_active, account_active=case.domain.account_active)


def _unwritable(case: Case) -> RecipientVerdict | None:
    """Row 12, second half: no catch-all takes what no mailbox could show or answer."""
    if case.address.is_ascii and len(case.address.local) <= _LONGEST_LOCAL:
        return None
    return case.reject("user-unknown", "unknown")


def _exact_name(case: Case) -> RecipientVerdict | None:
    """Rows 5 to 9 for the local part as written."""
    return _claimed(case, case.address.local, None)


def _name_without_detail(case: Case) -> RecipientVerdict | None:
    """Row 10: rows 5 to 9 for the part before the delimiter."""
    return None if case.detail is None else _claimed(case, case.base, case.detail)


def _catch_all(case: Case) -> RecipientVerdict | None:
    """Row 11: only what no name claims."""
    target = case.domain.catch_all
    if target is None or not target.usable:
        return None
    return case.deliver(target.address, "catch-all", None)


RECIPIENT_TABLE: tuple[Row, ...] = (
    _routing_detail,
    _postmaster,
    _domain_state,
    _unwritable,
    _exact_name,
    _name_without_detail,
    _catch_all,
)


def _claimed(case: Case, local: str, detail: str | None) -> RecipientVerdict | None:
    name = case.domain.names.get(local)
    if is_kept(name, Address(local, case.domain.name)):
        return case.reject("user-unknown", "name-kept")  # row 8, after deletion
    if name is not None:
        verdict = _to_name(case, name, detail)
        if isinstance(verdict, Reject) and isinstance(name, Alias):
            return Reject(verdict.reply, verdict.rule, Address(local, case.domain.name))
        return verdict
    if local in case.policy.system_addresses:  # row 9
        return _to_steward(case, "system-address")
    return None


def _to_name(case: Case, name: Name, detail: str | None) -> RecipientVerdict:
    if isinstance(name, Mailbox):
        return _to_mailbox(case, name, "mailbox", detail)  # rows 5 and 6
    if not name.is_active:
        return case.reject("user-unknown", "alias-disabled")  # row 8: reserved, also under a catch-all
    if name.is_expired(case.at):
        return case.reject("user-unknown", EXPIRED)
    if not name.can_receive:
        return case.reject("user-unknown", "alias-receive-off")
    verdict = _to_mailbox(case, name.mailbox, "alias", detail)  # row 7
    if name.senders is None or not isinstance(verdict, Deliver):
        return verdict
    return _gated(case, name.senders, verdict, may_send=name.can_send)


def _gated(case: Case, rules: SenderRules, verdict: Deliver, *, may_send: bool) -> RecipientVerdict:
    """Row 7 of an alias that does not take mail from everyone: the envelope now, the header later.

    The null reverse-path says nothing of who wrote, so it is the header that decides (routing.writers).
    """
    sender = case.sender() if case.sender else None
    if sender is not None and not sender.is_null and not permits(rules, sender.address):
        return case.reject("sender-not-accepted", REFUSED_BY[rules.mode])
    return replace(verdict, gate=Gate(rules, may_send, not isinstance(case.facts, AffirmedFacts)))


def _to_mailbox(case: Case, mailbox: Mailbox, rule: str, detail: str | None) -> RecipientVerdict:
    stopped = _stopped(case, domain_active=mailbox.domain_active, account_active=mailbox.account_active)
    if stopped is not None:
        return stopped
    if not mailbox.is_active:
        return case.reject("mailbox-paused")
    return case.deliver(mailbox.address, rule, detail)


def _stopped(case: Case, *, domain_active: bool, account_active: bool) -> RecipientVerdict | None:
    if not domain_active:
        return case.reject("domain-off")
    if account_active:
        return None
    if case.policy.suspended == "reject":
        return case.reject("account-suspended")
    return Defer(reply("account-suspended-for-now", address=case.address), "account-suspended")


def _to_steward(case: Case, rule: str) -> Deliver | None:
    """Rows 3 and 9: the domain's system mailbox, else its oldest active mailbox, else the site's postmaster."""
    for mailbox in (case.domain.system_mailbox, case.domain.oldest_mailbox):
        if mailbox is not None and mailbox.is_active:
            return case.deliver(mailbox.address, rule, case.detail)
    site = _site_postmaster(case)
    return None if site is None else case.deliver(site, rule, None)


def _site_postmaster(case: Case) -> Address | None:
    """Return where ``[routing] postmaster`` leads; outside our domains the operator's word is the evidence."""
    address = case.policy.postmaster
    if address is None:
        return None
    domain = case.facts.get(address.domain)
    if domain is None:
        return address
    name = domain.names.get(address.local)
    if isinstance(name, Alias):
        name = name.mailbox if name.is_active and name.can_receive and not name.is_expired(case.at) else None
    return name.address if name is not None and name.usable else None
