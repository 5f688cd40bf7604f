"""What the tests of imports share: lines to bring, and what came of them."""

import io
from collections.abc import Iterable, Iterator

from sqlalchemy import insert

from store.services import accounts, aliases
from store.services.importing.chunks import Import, run
from store.sql.database import Database
from store.sql.tables import MAILBOX, AddressRow, MailboxRow
from store.transfer.csv_file import read_csv
from store.transfer.lines import Line
from store.transfer.report import LineResult

HEADER = "address,mailbox,can_receive,can_send,is_active,note\n"
JOHN = "john@brand-a.com"
BOXES = 90_000  # the first id of mailboxes that a test adds


def csv(*rows: str) -> Iterator[Line]:
    return read_csv(io.BytesIO((HEADER + "\n".join(rows)).encode()))


def bring(how: Import, lines: Iterable[Line]) -> list[LineResult]:
    return [result for chunk in run(how, lines) for result in chunk.results]


def outcomes(results: Iterable[LineResult]) -> list[str]:
    return [result.code or result.status for result in results]


def state(database: Database) -> dict[str, tuple[str, bool, bool, bool, str | None]]:
    with database.read() as tx:
        found = aliases.list_all(tx)
    return {a.address: (a.mailbox, a.can_receive, a.can_send, a.is_active, a.note) for a in found}


def add_boxes(database: Database, number: int) -> None:
    """Give acme, on its largest plan, mailboxes m0@brand-a.com, m1@..., each with room for 100 aliases."""
    with database.write() as tx:
        accounts.update(tx, "acme", plan="agency")
        rows = [{"id": BOXES + n, "domain_id": 1, "local_part": f"m{n}", "kind": MAILBOX} for n in range(number)]
        tx.execute(insert(AddressRow), rows)
        tx.execute(insert(MailboxRow), [{"id": row["id"], "password_hash": "x"} for row in rows])


def many(number: int) -> Iterator[str]:
    return (f"n{n}@brand-b.com,m{n // 100}@brand-a.com,,,,note {n}" for n in range(number))
