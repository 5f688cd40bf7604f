"""Aliases as the services return them."""

from functools import cache

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import aliased

from store.services.rules import Claimed
from store.services.views import Alias
from store.sql.tables import AddressRow, AliasRow, DomainRow
from store.sql.tenant import Transaction


@cache
def query() -> Select[AliasRow, AddressRow, str, str, str]:
    """Return the query for all aliases by domain and name, whose rows :func:`as_view` takes."""
    owner, owner_domain = aliased(AddressRow), aliased(DomainRow)
    return (
        select(AliasRow, AddressRow, DomainRow.name, owner.local_part, owner_domain.name)
        .join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(owner, owner.id == AliasRow.mailbox_id)
        .join(owner_domain, owner_domain.id == owner.domain_id)
        .order_by(DomainRow.name, AddressRow.local_part)
    )


def view(tx: Transaction, alias_id: int) -> Alias:
    """Return one alias that exists."""
    return as_view(tx.execute(query().where(AliasRow.id == alias_id)).one())


def as_view(found: Row[AliasRow, AddressRow, str, str, str]) -> Alias:
    """Return a row of :func:`query` as a view."""
    return of_rows(*found)


def of_rows(alias: AliasRow, address: AddressRow | Claimed, domain: str, owner_local: str, owner_domain: str) -> Alias:
    """Return an alias as a view: its rows, its domain's name, and its mailbox's address in two parts."""
    return Alias(
        id=alias.id,
        address=f"{address.local_part}@{domain}",
        local_part=address.local_part,
        domain_id=address.domain_id,
        domain=domain,
        mailbox_id=alias.mailbox_id,
        can_receive=alias.can_receive,
        can_send=alias.can_send,
        is_active=alias.is_active,
        note=alias.note,
        created_at=address.created_at,
        updated_at=alias.updated_at,
        mailbox=f"{owner_local}@{owner_domain}",
    )
