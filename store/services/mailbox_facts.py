"""What people want to know beside a mailbox itself: where one can be made, whose it is, what of it is switched off."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from routing.domain import unicode_domain
from store.services.deletion import Destinations, destinations
from store.sql.tables import AccountRow, DomainRow, MailboxRow
from store.sql.tenant import Transaction


@dataclass(frozen=True, slots=True)
class Home:
    """A proved domain, as people choose it from a list."""

    id: int
    name: str  # A-labels
    unicode_name: str
    account: str
    takes_names: bool  # now


def homes(tx: Transaction, most: int) -> list[Home] | None:
    """Return the proved domains by name; None where there are more than ``most``."""
    wanted = select(DomainRow, AccountRow.name).join_from(DomainRow, AccountRow)
    wanted = wanted.where(DomainRow.verified_at.is_not(None)).order_by(DomainRow.name).limit(most + 1)
    found = [
        Home(row.id, row.name, unicode_domain(row.name), account, row.is_active and not row.proof_lapsed)
        for row, account in tx.execute(wanted)
    ]
    return found if len(found) <= most else None


def accounts(tx: Transaction, domain_ids: Collection[int]) -> dict[int, str]:
    """Return the names of the accounts that some domains belong to."""
    wanted = select(DomainRow.id, AccountRow.name).join_from(DomainRow, AccountRow).where(DomainRow.id.in_(domain_ids))
    return {row[0]: row[1] for row in tx.execute(wanted)}


def switched_off(tx: Transaction, domain_ids: Collection[int]) -> set[int]:
    """Return those of some domains that are switched off."""
    return set(tx.scalars(select(DomainRow.id).where(DomainRow.id.in_(domain_ids), ~DomainRow.is_active)))


def uses(tx: Transaction, mailbox_id: int) -> Destinations:
    """Return the domains whose catch-all or system mail ends in a mailbox."""
    return destinations(tx, select(MailboxRow.id).where(MailboxRow.id == mailbox_id))
