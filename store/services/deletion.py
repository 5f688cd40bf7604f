"""Checks before a deletion: no mail is lost in silence, and no names are left behind."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, delete, select
from sqlalchemy.orm import aliased

from store.errors import ServiceError
from store.services import kept
from store.services.filters import retarget
from store.sql import changed_fields
from store.sql.tables import AddressRow, AliasRow, CatchAllRow, DomainRow, MailboxRow, SystemMailboxRow
from store.sql.tenant import Transaction


def mailboxes_of(domain_id: int) -> Select[int]:
    """Return the query for the ids of a domain's mailboxes."""
    name = aliased(AddressRow)
    return select(MailboxRow.id).join(name, name.id == MailboxRow.id).where(name.domain_id == domain_id)


@dataclass(frozen=True, slots=True)
class Destinations:
    """The domains whose unclaimed mail ends in some mailboxes."""

    catch_all_of: list[str]
    system_mailbox_of: list[str]


def destinations(tx: Transaction, mailboxes: Select[int], *, beside: int | None = None) -> Destinations:
    """Return the domains whose catch-all, switched on, or system mail ends in one of the mailboxes.

    Args:
        mailboxes: query for their ids.
        beside: id of a domain to leave out.
    """
    return Destinations(
        _pointing(tx, CatchAllRow, CatchAllRow.mailbox_id.in_(mailboxes) & CatchAllRow.enabled, beside),
        _pointing(tx, SystemMailboxRow, SystemMailboxRow.mailbox_id.in_(mailboxes), beside),
    )


def refuse_destinations(tx: Transaction, mailboxes: Select[int], what: str, *, beside: int | None = None) -> None:
    """Refuse to remove mailboxes where a domain's catch-all or system mail ends, except the domain ``beside``.

    Args:
        mailboxes: query for their ids.
        what: how the message calls them.
        beside: id of a domain that is being removed too.

    Raises:
        ServiceError: ``conflict``, naming the domains and what to change first.
    """
    found = destinations(tx, mailboxes, beside=beside)
    caught, system = found.catch_all_of, found.system_mailbox_of
    if not caught and not system:
        return
    uses = [f"the catch-all of {name}" for name in caught] + [f"the system mailbox of {name}" for name in system]
    raise ServiceError(
        "conflict",
        f"{what} is {', '.join(uses)}; mail would be lost",
        hint="give each of these domains another mailbox first, or switch its catch-all off",
        details={"catch_all_of": caught, "system_mailbox_of": system},
    )


def refuse_pausing(tx: Transaction, mailbox_id: int, address: str) -> None:
    """Refuse to pause a mailbox that an enabled catch-all leads to: that mail would be refused from then on.

    A domain whose system mailbox it is has its oldest active mailbox for that (docs/design.md, section 3, row 3).

    Raises:
        ServiceError: ``conflict``, naming the domains.
    """
    found = destinations(tx, select(MailboxRow.id).where(MailboxRow.id == mailbox_id)).catch_all_of
    if found:
        raise ServiceError(
            "conflict",
            f"{address} is the catch-all of {', '.join(found)}; while it is paused that mail would be refused",
            hint="give each of these domains another catch-all first, or switch it off",
            details={"catch_all_of": found},
        )


def delete_mailboxes(tx: Transaction, mailboxes: Select[int], *, beside: int | None = None) -> None:
    """Delete mailboxes with all their aliases, and the catch-alls that are off and still remember one of them.

    Args:
        tx: the transaction.
        mailboxes: query for their ids.
        beside: id of a domain that goes itself: none of its names is kept.
    """
    changed_fields.mailboxes_go(tx, mailboxes)
    tx.execute(delete(CatchAllRow).where(CatchAllRow.mailbox_id.in_(mailboxes)))
    delete_names(tx, AddressRow.id.in_(select(AliasRow.id).where(AliasRow.mailbox_id.in_(mailboxes))), beside=beside)
    delete_names(tx, AddressRow.id.in_(mailboxes), beside=beside)


def delete_names(
    tx: Transaction, which: ColumnElement[bool], *, beside: int | None = None, made_anew: Collection[kept.Name] = ()
) -> None:
    """Delete addresses; the rows of mailboxes and aliases go with them (ON DELETE CASCADE).

    Their names are free then, or kept from others for a while, as their account has it.

    Args:
        tx: the transaction.
        which: condition of the addresses.
        beside: id of a domain that goes itself: none of its names is kept.
        made_anew: names that the same change makes again.
    """
    retarget.names_go(tx, which)
    leaving = kept.leaving(tx, which, beside=beside)
    tx.execute(delete(AddressRow).where(which), execution_options={"synchronize_session": False})
    kept.keep(tx, [one for one in leaving if (one.domain_id, one.local_part) not in made_anew])
    tx.expire_all()


def delete_domain(tx: Transaction, domain_id: int) -> None:
    """Delete a domain with everything in it."""
    for table in (CatchAllRow, SystemMailboxRow):
        tx.execute(delete(table).where(table.domain_id == domain_id))
    delete_mailboxes(tx, mailboxes_of(domain_id), beside=domain_id)
    delete_names(tx, AddressRow.domain_id == domain_id, beside=domain_id)
    tx.execute(delete(DomainRow).where(DomainRow.id == domain_id))


def _pointing(
    tx: Transaction, table: type[CatchAllRow] | type[SystemMailboxRow], which: ColumnElement[bool], beside: int | None
) -> list[str]:
    query = select(DomainRow.name).join(table, table.domain_id == DomainRow.id).where(which)
    if beside is not None:
        query = query.where(DomainRow.id != beside)
    return list(tx.scalars(query.order_by(DomainRow.name)))
