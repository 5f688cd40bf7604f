"""The rules that name an address, for whoever is about to delete or disable it."""

from collections.abc import Collection

from sqlalchemy import select

from routing.filters import naming
from store.batches import batches
from store.services import aliases, lookup, mailboxes
from store.services.filters.rows import rows_of, view
from store.services.filters.views import FilterRule, NamingRule
from store.services.lookup import Ref
from store.sql.tables import AddressRow, AliasRow, DomainRow, FilterRuleRow
from store.sql.tenant import Transaction

_AT_ONCE = 500  # ids in one statement


def naming_alias(tx: Transaction, alias: Ref, *, mailbox: Ref | None = None) -> list[NamingRule]:
    """Return the rules that name an alias: of its mailbox by a condition, of any mailbox of the account by forwarding.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``, also for an alias of another mailbox than ``mailbox``.
    """
    owner = None if mailbox is None else lookup.mailbox(tx, mailbox).mailbox.id
    found = lookup.alias(tx, alias, mailbox_id=owner, lock=False)
    address = f"{found.address.local_part}@{found.domain.name}"
    own = FilterRuleRow.mailbox_id == found.alias.mailbox_id
    of_account = FilterRuleRow.mailbox_id.in_(
        select(AddressRow.id).join_from(AddressRow, DomainRow).where(DomainRow.account_id == found.domain.account_id)
    )
    forwarding = of_account & FilterRuleRow.actions.icontains(address, autoescape=True)
    wanted = select(FilterRuleRow).where(own | forwarding)
    rules = [view(row) for row in tx.scalars(wanted.order_by(FilterRuleRow.mailbox_id, FilterRuleRow.position))]
    forwards = {one.id: naming.forwards_to(one.rule, address) for one in rules}
    named = [
        one
        for one in rules
        if forwards[one.id] or (one.mailbox_id == found.alias.mailbox_id and naming.names(one.rule, address))
    ]
    names = mailboxes.addresses(tx, {one.mailbox_id for one in named})
    return [NamingRule(one.id, one.name, one.mailbox_id, names[one.mailbox_id], forwards[one.id]) for one in named]


def naming_aliases(tx: Transaction, alias_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the ids of the rules that name aliases, by the alias's id; of those that are there and named."""
    name = select(AliasRow.id, AliasRow.mailbox_id, AddressRow.local_part, DomainRow.name, DomainRow.account_id)
    name = name.join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id).join(DomainRow)
    found = [row for ids in batches(alias_ids, _AT_ONCE) for row in tx.execute(name.where(AliasRow.id.in_(ids)))]
    rules = [rule for account in {row.account_id for row in found} for rule in _of_account(tx, account)]
    named: dict[int, list[int]] = {}
    for alias in found:
        address = f"{alias.local_part}@{alias.name}"
        for account, rule in rules:
            is_own = rule.mailbox_id == alias.mailbox_id and naming.names(rule.rule, address)
            if is_own or (account == alias.account_id and naming.forwards_to(rule.rule, address)):
                named.setdefault(alias.id, []).append(rule.id)
    return named


def _of_account(tx: Transaction, account_id: int) -> list[tuple[int, FilterRule]]:
    mailboxes = select(AddressRow.id).join_from(AddressRow, DomainRow).where(DomainRow.account_id == account_id)
    wanted = select(FilterRuleRow).where(FilterRuleRow.mailbox_id.in_(mailboxes))
    found = tx.scalars(wanted.order_by(FilterRuleRow.mailbox_id, FilterRuleRow.position))
    return [(account_id, view(row)) for row in found]


def names_of(tx: Transaction, mailbox: Ref) -> dict[int, list[str]]:
    """Return the names of a mailbox's own rules that name an alias of it, by the alias's id; of those that are named.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    found = lookup.mailbox(tx, mailbox).mailbox.id
    rules = [view(row).rule for row in rows_of(tx, found)]
    if not rules:
        return {}
    named = {
        alias.id: [rule.name for rule in rules if naming.names(rule, alias.address)]
        for alias in aliases.list_all(tx, mailbox=found)
    }
    return {one: names for one, names in named.items() if names}
