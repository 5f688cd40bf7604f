"""Export of all aliases as a file; importing it again leaves every line ``unchanged``."""

from collections.abc import Iterator

from store.services.aliases import as_view, query
from store.services.sender_lists import in_line
from store.sql.database import Database
from store.sql.tables import AliasRow
from store.sql.tenant import OPERATOR, Acting
from store.transfer.csv_file import COLUMNS, Cell, write_csv

_AT_ONCE = 500  # aliases read with one statement


def export(database: Database, acting: Acting = OPERATOR) -> Iterator[str]:
    """Return the text of a CSV file in pieces, the aliases in the order in which they were made.

    Each page of aliases is read in a transaction of its own, so that a slow reader holds none open; a change made
    meanwhile may be in it or not.

    Raises:
        StoreUnavailable: the database stopped answering.
    """
    return write_csv(_rows(database, acting))


def _rows(database: Database, acting: Acting) -> Iterator[tuple[Cell, ...]]:
    last = 0
    while True:
        page = query().where(AliasRow.id > last).order_by(None).order_by(AliasRow.id).limit(_AT_ONCE)
        with database.read(acting) as tx:
            found = [as_view(row) for row in tx.execute(page)]
        for alias in found:
            yield tuple(in_line(alias.senders) if name == "senders" else getattr(alias, name) for name in COLUMNS)
        if not found:
            return
        last = found[-1].id
