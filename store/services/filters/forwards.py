"""Where rules may forward to: names of the same account, and what the operator lets out; never in a circle.

What leads back is found by following the rules of the account's other mailboxes. Beyond the account, and by scripts
that owners write themselves, Dovecot stops a circle: it does not forward a message a second time whose
``X-Sieve-Redirected-From`` names the mailbox.
"""

import json

from sqlalchemy import select

from routing.address import Address, split_detail
from routing.filters.model import Rule, actions_of
from routing.filters.policy import FilterPolicy
from store.errors import ServiceError
from store.services.lookup import FoundMailbox
from store.sql.tables import MAILBOX, AddressRow, AliasRow, CatchAllRow, DomainRow, FilterRuleRow
from store.sql.tenant import Transaction


def check_forwards(tx: Transaction, found: FoundMailbox, rule: Rule, policy: FilterPolicy) -> None:
    """Check where a rule forwards to. Raises ServiceError ``invalid-request`` with the field."""
    for number, action in enumerate(rule.actions):
        if action.type == "forward" and action.value is not None:
            flaw = flaw_of_target(tx, found, action.value, policy)
            if flaw is not None:
                message = f"the value of action {number + 1} {flaw}"
                raise ServiceError("invalid-request", message, field=f"actions/{number}/value")


def flaw_of_target(tx: Transaction, found: FoundMailbox, target: str, policy: FilterPolicy) -> str | None:
    """Return why a mailbox may not forward to an address, which is well formed; None if it may."""
    address = Address.parse(target)
    domain = _own_domain(tx, found.account.id, address.domain)
    if domain is None:
        return (
            None
            if policy.lets_out(address)
            else (
                f"must be a mailbox or an alias of this account: the operator lets rules forward to no {address.domain}"
            )
        )
    leads_to = _mailbox_at(tx, domain, address.local, policy.delimiter)
    if leads_to is None:
        return f"must be a mailbox or an alias: there is no {address}"
    if found.mailbox.id in _reached(tx, found.account.id, leads_to, policy):
        return f"must not lead back to this mailbox, as {address} does"
    return None


def _own_domain(tx: Transaction, account: int, name: str) -> DomainRow | None:
    here = select(DomainRow).where(DomainRow.account_id == account, DomainRow.name == name)
    return tx.scalar(here.where(DomainRow.verified_at.is_not(None)))


def _mailbox_at(tx: Transaction, domain: DomainRow, local: str, delimiter: str) -> int | None:
    """Return the mailbox where mail for a name ends: by itself, without its detail, or by the catch-all."""
    for name in dict.fromkeys((local, split_detail(local, delimiter)[0])):
        here = select(AddressRow).where(AddressRow.domain_id == domain.id, AddressRow.local_part == name)
        if (row := tx.scalar(here)) is not None:
            alias_of = select(AliasRow.mailbox_id).where(AliasRow.id == row.id)
            return row.id if row.kind == MAILBOX else tx.scalar(alias_of)  # a kept name leads to none
    return tx.scalar(select(CatchAllRow.mailbox_id).where(CatchAllRow.domain_id == domain.id, CatchAllRow.enabled))


def _reached(tx: Transaction, account: int, start: int, policy: FilterPolicy) -> set[int]:
    """Return the mailboxes of an account that mail for one of them comes to by rules, that one included."""
    reached, ahead = {start}, [start]
    while ahead:
        for address in _targets(tx, ahead.pop()):
            domain = _own_domain(tx, account, address.domain)
            step = None if domain is None else _mailbox_at(tx, domain, address.local, policy.delimiter)
            if step is not None and step not in reached:
                reached.add(step)
                ahead.append(step)
    return reached


def _targets(tx: Transaction, mailbox_id: int) -> list[Address]:
    """Return the addresses to which the rules of a mailbox forward."""
    forwarding = select(FilterRuleRow.actions).where(
        FilterRuleRow.mailbox_id == mailbox_id, FilterRuleRow.enabled, FilterRuleRow.forwards
    )
    found = (actions_of(json.loads(actions)) for actions in tx.scalars(forwarding))
    return [Address.parse(one.value or "") for actions in found for one in actions if one.type == "forward"]
