"""The rules of a mailbox: listed, added, changed, put in order, deleted.

Each change locks the mailbox, so that two at once keep one order, and has the script written anew (``scripts``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from routing.filters.checking import InvalidRule, check
from routing.filters.model import Rule
from routing.filters.policy import FilterPolicy
from routing.filters.script import sieve_script
from store.errors import ServiceError
from store.services import audit, lookup
from store.services.filters import scripts
from store.services.filters.forwards import check_forwards
from store.services.filters.rows import fill, row, rows_of, view
from store.services.filters.views import FilterRule
from store.services.lookup import FoundMailbox, Ref
from store.sql.tables import FilterRuleRow
from store.sql.tenant import Transaction


def list_all(tx: Transaction, mailbox: Ref) -> list[FilterRule]:
    """Return the rules of a mailbox in their order. Raises ServiceError ``invalid-request``, ``not-found``."""
    return [view(one) for one in rows_of(tx, lookup.mailbox(tx, mailbox).mailbox.id)]


def get(tx: Transaction, mailbox: Ref, rule_id: int) -> FilterRule:
    """Return one rule of a mailbox. Raises ServiceError ``not-found``."""
    return view(row(tx, lookup.mailbox(tx, mailbox).mailbox.id, rule_id))


def add(tx: Transaction, mailbox: Ref, rule: Rule, policy: FilterPolicy, *, position: int | None = None) -> FilterRule:
    """Add a rule, as the last one or at a position from 1 on.

    Raises:
        ServiceError: ``not-found``; ``invalid-request`` with the field; ``conflict`` when the mailbox has as many
            rules as it may have, or the script would be too long.
    """
    found = _locked(tx, mailbox, may_forward=bool(rule.forwards))
    _check(tx, found, rule, policy)
    before = rows_of(tx, found.mailbox.id)
    if len(before) >= policy.max_rules:
        raise _full(f"the mailbox has {len(before)} rules, as many as it may have", len(before), policy.max_rules)
    new = FilterRuleRow(mailbox_id=found.mailbox.id, position=len(before) + 1)
    fill(new, rule)
    tx.add(new)
    tx.flush()
    if position is not None:
        at = max(1, min(position, len(before) + 1)) - 1
        _number([*before[:at], new, *before[at:]])
    _check_size(tx, found, policy)
    _done(tx, found, "rule.create", None, view(new))
    return view(new)


def update(tx: Transaction, mailbox: Ref, rule_id: int, policy: FilterPolicy, **changes: object) -> FilterRule:
    """Change fields of a rule (those of :class:`routing.filters.model.Rule`); what is not given stays.

    Raises:
        ServiceError: ``not-found``; ``invalid-request`` with the field; ``conflict`` for a script that is too long.
    """
    found = _locked(tx, mailbox, may_forward=True)
    mine = row(tx, found.mailbox.id, rule_id)
    before = view(mine)
    rule = replace(before.rule, **changes)  # type: ignore[arg-type]
    _check(tx, found, rule, policy)
    fill(mine, rule)
    tx.flush()
    _check_size(tx, found, policy)
    _done(tx, found, "rule.update", before, view(mine))
    return view(mine)


def remove(tx: Transaction, mailbox: Ref, rule_id: int) -> FilterRule:
    """Delete a rule. Raises ServiceError ``not-found``."""
    found = _locked(tx, mailbox)
    mine = row(tx, found.mailbox.id, rule_id)
    gone = view(mine)
    tx.delete(mine)
    tx.flush()
    _number(rows_of(tx, found.mailbox.id))
    _done(tx, found, "rule.delete", gone, None)
    return gone


@dataclass(frozen=True, slots=True)
class RuleOrder:
    """The order of a mailbox's rules, for the audit log."""

    rule_ids: tuple[int, ...]


def reorder(tx: Transaction, mailbox: Ref, rule_ids: Sequence[int], *, field: str = "rule_ids") -> list[FilterRule]:
    """Put the rules of a mailbox in another order. ``field`` is what the caller calls it.

    Raises:
        ServiceError: ``not-found``; ``conflict`` unless exactly its rules are given: somebody changed them meanwhile.
    """
    found = _locked(tx, mailbox)
    rows = {one.id: one for one in rows_of(tx, found.mailbox.id)}
    before, after = RuleOrder(tuple(rows)), RuleOrder(tuple(rule_ids))
    if sorted(rule_ids) != sorted(rows):
        raise ServiceError(
            "conflict",
            "the order must name each rule of the mailbox once, and nothing else",
            field=field,
            hint="list the rules again: somebody may have changed them",
        )
    if before != after:
        _number([rows[one] for one in rule_ids])
        audit.note(
            tx, "rule.reorder", "mailbox", found.mailbox.id, found.text, before, after, account_id=found.account.id
        )
        scripts.changed(tx, found.mailbox.id)
    tx.flush()
    return [view(rows[one]) for one in rule_ids]


def _locked(tx: Transaction, mailbox: Ref, *, may_forward: bool = False) -> FoundMailbox:
    """Lock the mailbox; before it the account if the rule may forward, so that no two rules close a circle at once."""
    if may_forward:
        lookup.account(tx, lookup.mailbox(tx, mailbox).account.id)
    return lookup.mailbox(tx, mailbox, lock=True)


def _number(rows: Sequence[FilterRuleRow]) -> None:
    for number, one in enumerate(rows, 1):
        if one.position != number:
            one.position = number


def _check(tx: Transaction, found: FoundMailbox, rule: Rule, policy: FilterPolicy) -> None:
    try:
        check(rule, policy)
    except InvalidRule as error:
        flaw = error.flaw
        raise ServiceError("invalid-request", flaw.message, field=flaw.pointer.removeprefix("/")) from None
    check_forwards(tx, found, rule, policy)


def _check_size(tx: Transaction, found: FoundMailbox, policy: FilterPolicy) -> None:
    rules = [view(one).rule for one in rows_of(tx, found.mailbox.id)]
    size = len(sieve_script(rules, policy).encode())
    if size > policy.max_script_bytes:
        raise _full("the script of all rules together would be too long", size, policy.max_script_bytes)


def _full(message: str, used: int, limit: int) -> ServiceError:
    return ServiceError(
        "conflict", f"{message} ({used:,} of {limit:,})", hint="delete rules", details={"used": used, "limit": limit}
    )


def _done(
    tx: Transaction, found: FoundMailbox, action: str, before: FilterRule | None, after: FilterRule | None
) -> None:
    """Write a change of one rule into the audit log, and have the script written anew."""
    for one in filter(None, [after or before]):
        name = f"{one.name} of {found.text}"
        audit.note(tx, action, "rule", one.id, name, before, after, account_id=found.account.id)
    scripts.changed(tx, found.mailbox.id)
