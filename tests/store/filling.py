"""Many rows at once, past the services' rules, for tests of what happens when much is there already."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, insert, select, text

from store.sql.database import Database
from store.sql.tables import ALIAS, AddressRow, AliasRow, Base
from store.sql.tenant import Transaction

Rows = Mapping[Table, list[dict[str, Any]]]


def read_rows(database: Database) -> Rows:
    """Return all that is in a store, to be put into others: what the services did for it takes time."""
    with database.read() as tx:
        return {
            table: [dict(row) for row in tx.execute(select(table)).mappings()] for table in Base.metadata.sorted_tables
        }


def put_rows(tx: Transaction, rows: Rows) -> None:
    """Put rows with their ids into an empty store."""
    for table, found in rows.items():
        if found:
            tx.execute(insert(table), found)
    if tx.get_bind().dialect.name == "postgresql":
        for name in [table.name for table, found in rows.items() if found and "id" in table.c]:
            tx.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"))


def fill_up(tx: Transaction, number: int, mailbox_id: int = 1, domain_id: int = 1) -> None:
    """Give a mailbox that many aliases, quickly."""
    for index in range(number):
        name = tx.scalars(
            insert(AddressRow).values(domain_id=domain_id, local_part=f"a{index}", kind=ALIAS).returning(AddressRow.id)
        ).one()
        tx.execute(insert(AliasRow).values(id=name, mailbox_id=mailbox_id))
