"""What a domain holds, in figures: for lists, and for whoever is about to remove it."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select

from store.services.deletion import mailboxes_of
from store.sql.tables import ALIAS, KEPT, MAILBOX, AddressRow, AliasRow
from store.sql.tenant import Transaction


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes with a domain."""

    mailboxes: int
    aliases: int
    aliases_elsewhere: int  # on other domains, of its mailboxes

    @property
    def is_empty(self) -> bool:
        """True when it holds no name; without mailboxes there are no aliases elsewhere either."""
        return not (self.mailboxes or self.aliases)


def contents(tx: Transaction, domain_id: int) -> Contents:
    """Return what a domain that exists holds."""
    by_kind = select(AddressRow.kind, func.count()).where(AddressRow.domain_id == domain_id).group_by(AddressRow.kind)
    counts = {row[0]: row[1] for row in tx.execute(by_kind)}
    pointing = select(func.count()).join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id)
    leading_here = AliasRow.mailbox_id.in_(mailboxes_of(domain_id))
    elsewhere = tx.scalars(pointing.where(leading_here, AddressRow.domain_id != domain_id)).one()
    return Contents(counts.get(MAILBOX, 0), counts.get(ALIAS, 0), elsewhere)


def name_counts(tx: Transaction, domain_ids: Collection[int]) -> dict[int, int]:
    """Return how many names, of mailboxes and of aliases, each of several domains holds; those without are left out."""
    of_these = (AddressRow.domain_id.in_(domain_ids), AddressRow.kind != KEPT)
    counted = select(AddressRow.domain_id, func.count()).where(*of_these)
    return {row[0]: row[1] for row in tx.execute(counted.group_by(AddressRow.domain_id))}
