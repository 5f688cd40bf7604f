"""Many rows at once, past the services' rules, for tests of what happens when much is there already."""

from sqlalchemy import insert

from store.sql.tables import ALIAS, AddressRow, AliasRow
from store.sql.tenant import Transaction


def fill_up(tx: Transaction, number: int, mailbox_id: int = 1, domain_id: int = 1) -> None:
    """Give a mailbox that many aliases, quickly."""
    for index in range(number):
        name = tx.scalars(
            insert(AddressRow).values(domain_id=domain_id, local_part=f"a{index}", kind=ALIAS).returning(AddressRow.id)
        ).one()
        tx.execute(insert(AliasRow).values(id=name, mailbox_id=mailbox_id))
