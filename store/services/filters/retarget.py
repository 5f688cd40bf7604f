"""Names that go: scripts that forward to them are written anew, without that forwarding.

Otherwise a script would go on to send mail to an address that somebody else may have by then.
"""

import json

from sqlalchemy import ColumnElement, select

from routing.address import Address
from routing.filters.model import actions_of
from store.services.filters import scripts
from store.sql.tables import AddressRow, DomainRow, FilterRuleRow
from store.sql.tenant import Transaction


def names_go(tx: Transaction, which: ColumnElement[bool]) -> None:
    """Note that the addresses of a condition are about to be deleted."""
    targets = _targets(tx)
    if not targets:
        return
    names = select(AddressRow.local_part, DomainRow.name).join_from(AddressRow, DomainRow).where(which)
    going = set(tx.execute(names.where(DomainRow.name.in_({one.domain for one in targets}))).all())
    for mailbox_id in sorted(
        {
            mailbox
            for target, mailboxes in targets.items()
            # Written with a detail, it begins with the name; to write a script once too often does no harm.
            if any(target.domain == domain and target.local.startswith(local) for local, domain in going)
            for mailbox in mailboxes
        }
    ):
        scripts.changed(tx, mailbox_id)


def _targets(tx: Transaction) -> dict[Address, set[int]]:
    """Return the addresses that rules forward to, and the mailboxes whose rules these are."""
    forwarding = select(FilterRuleRow.mailbox_id, FilterRuleRow.actions)
    forwarding = forwarding.where(FilterRuleRow.actions.contains('"forward"'))
    found: dict[Address, set[int]] = {}
    for mailbox_id, actions in tx.execute(forwarding):
        for one in actions_of(json.loads(actions)):
            if one.type == "forward" and one.value is not None:
                found.setdefault(Address.parse(one.value), set()).add(mailbox_id)
    return found
