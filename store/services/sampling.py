"""A sample of the names that there are, to be compared with something else."""

import random

from sqlalchemy import func, select

from routing.address import Address
from store.batches import batches
from store.sql.tables import AddressRow, DomainRow
from store.sql.tenant import Transaction

_AT_ONCE = 500


def some_names(tx: Transaction, most: int) -> list[Address]:
    """Return mailboxes and aliases of hosted domains, chosen by chance, at most so many; cheap with millions."""
    last = tx.scalar(select(func.max(AddressRow.id))) or 0
    chosen = random.sample(range(1, last + 1), min(most, last))
    query = select(AddressRow.local_part, DomainRow.name).join(DomainRow, DomainRow.id == AddressRow.domain_id)
    query = query.where(DomainRow.verified_at.is_not(None))
    return [
        Address(local, domain)
        for batch in batches(chosen, _AT_ONCE)
        for local, domain in tx.execute(query.where(AddressRow.id.in_(batch)))
    ]
