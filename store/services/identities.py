"""Identities: the addresses that a mailbox may send as, by the same states that the sender guard looks at."""

from dataclasses import dataclass

from sqlalchemy import select

from store.services import lookup
from store.services.lookup import FoundMailbox, Ref
from store.sql.tables import AddressRow, AliasRow, DomainRow
from store.sql.tenant import Transaction


@dataclass(frozen=True, slots=True)
class Identity:
    """One address to send from."""

    address: str
    local_part: str
    domain: str  # A-labels
    display_name: str  # of the mailbox
    is_primary: bool  # the mailbox itself


def of_mailbox(tx: Transaction, ref: Ref) -> list[Identity]:
    """Return what a mailbox may send as (docs/design.md, section 4, rows 4 to 6): itself, then its aliases by name.

    Nothing while it is paused, its domain off or its account suspended. A sub-address may be sent from too, and is
    not listed. Raises ServiceError ``not-found``.
    """
    owner = lookup.mailbox(tx, ref)
    if not (owner.mailbox.is_active and _is_on(owner.domain) and owner.account.is_active):
        return []
    wanted = (
        select(AddressRow.local_part, DomainRow)
        .join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .where(AliasRow.mailbox_id == owner.mailbox.id, AliasRow.is_active, AliasRow.can_send)
        .order_by(DomainRow.name, AddressRow.local_part)
    )
    aliases = [_identity(owner, local, domain.name) for local, domain in tx.execute(wanted) if _is_on(domain)]
    return [_identity(owner, owner.address.local_part, owner.domain.name, is_primary=True), *aliases]


def _is_on(domain: DomainRow) -> bool:
    return domain.is_active and domain.verified_at is not None


def _identity(owner: FoundMailbox, local: str, domain: str, *, is_primary: bool = False) -> Identity:
    return Identity(f"{local}@{domain}", local, domain, owner.mailbox.display_name, is_primary)
