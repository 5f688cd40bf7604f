"""Names that come and go: scripts that forward to them are written anew, as it is allowed then.

Otherwise a script would go on to send mail to an address that somebody else may have by then, or in a circle.
"""

import json
from collections.abc import Callable, Collection

from sqlalchemy import ColumnElement, select

from routing.address import Address
from routing.filters.model import actions_of
from store.services.filters import scripts
from store.sql.new_alias_query import forwarding
from store.sql.tables import AddressRow, DomainRow, FilterRuleRow
from store.sql.tenant import Transaction, made_once

# Made once: to put a statement together takes about as long as to run it.
_ALL = made_once(select(FilterRuleRow.mailbox_id, FilterRuleRow.actions).where(FilterRuleRow.forwards))

Name = tuple[str, str]  # local part and domain


def names_go(tx: Transaction, which: ColumnElement[bool]) -> None:
    """Note that the addresses of a condition are about to be deleted."""
    targets = _targets(tx)
    if not targets:
        return
    names = select(AddressRow.local_part, DomainRow.name).join_from(AddressRow, DomainRow).where(which)
    there = names.where(DomainRow.name.in_({one.domain for one in targets}))
    going = {(local, domain) for local, domain in tx.execute(there)}
    _write_anew(tx, targets, lambda target: _leads_to(target, going))


def names_come(tx: Transaction, account_id: int, names: Collection[Name]) -> None:
    """Note that an account has new addresses, so that what is forwarded to them ends elsewhere than before."""
    _write_anew(tx, _targets(tx, account_id), lambda target: _leads_to(target, names))


def catch_all_changes(tx: Transaction, account_id: int, domain: str) -> None:
    """Note that unknown names at a domain of an account end elsewhere than before."""
    _write_anew(tx, _targets(tx, account_id), lambda target: target.domain == domain)


def _write_anew(tx: Transaction, targets: dict[Address, set[int]], wanted: Callable[[Address], bool]) -> None:
    for mailbox_id in sorted({one for target, mailboxes in targets.items() if wanted(target) for one in mailboxes}):
        scripts.changed(tx, mailbox_id)


def _leads_to(target: Address, names: Collection[Name]) -> bool:
    """True for one of the names with a detail too; to write a script once too often does no harm."""
    return any(target.domain == domain and target.local.startswith(local) for local, domain in names)


def _targets(tx: Transaction, account_id: int | None = None) -> dict[Address, set[int]]:
    """Return the addresses that rules (of an account) forward to, and the mailboxes whose rules these are."""
    rules = tx.execute(_ALL) if account_id is None else forwarding(tx, account_id)
    found: dict[Address, set[int]] = {}
    for mailbox_id, actions in rules:
        for one in actions_of(json.loads(actions)):
            if one.type == "forward" and one.value is not None:
                found.setdefault(Address.parse(one.value), set()).add(mailbox_id)
    return found
