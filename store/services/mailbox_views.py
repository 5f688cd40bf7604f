"""Mailboxes as the services return them."""

from functools import cache

from sqlalchemy import ColumnElement, Row, Select, func, select

from store.services.views import Mailbox
from store.sql.tables import MAILBOX, AddressRow, AliasRow, DomainRow, MailboxRow
from store.sql.tenant import Transaction


@cache
def query() -> Select[MailboxRow, AddressRow, str, int]:
    """Return the query for all mailboxes by domain and name, whose rows :func:`as_view` takes."""
    aliases = select(func.count()).where(AliasRow.mailbox_id == MailboxRow.id).scalar_subquery()
    return (
        select(MailboxRow, AddressRow, DomainRow.name, aliases)
        .join_from(MailboxRow, AddressRow)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .order_by(DomainRow.name, AddressRow.local_part)
    )


@cache
def ids() -> Select[int]:
    """Return the query for the ids of the same mailboxes in the same order, over the names alone."""
    names = select(AddressRow.id).join_from(AddressRow, DomainRow).where(AddressRow.kind == MAILBOX)
    return names.order_by(DomainRow.name, AddressRow.local_part)


def views(tx: Transaction, which: ColumnElement[bool]) -> list[Mailbox]:
    """Return some mailboxes, by domain and name."""
    return [as_view(row) for row in tx.execute(query().where(which))]


def view(tx: Transaction, mailbox_id: int) -> Mailbox:
    """Return one mailbox that exists."""
    return as_view(tx.execute(query().where(MailboxRow.id == mailbox_id)).one())


def as_view(found: Row[MailboxRow, AddressRow, str, int]) -> Mailbox:
    """Return a row of :func:`query` as a view."""
    mailbox, address, domain, alias_count = found
    return Mailbox(
        id=mailbox.id,
        address=f"{address.local_part}@{domain}",
        local_part=address.local_part,
        domain_id=address.domain_id,
        display_name=mailbox.display_name,
        is_active=mailbox.is_active,
        alias_count=alias_count,
        created_at=address.created_at,
    )
