"""The progress of an import with an idempotency key, written in the same transactions as its lines.

So a killed process loses nothing and doubles nothing: whoever repeats the request goes on after the last chunk that
was committed, and tells what the chunks before did as they told it. The fingerprint of such a request holds the digest
of the whole file, so that the lines done are known to be the same.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import insert, select

from store.services import idempotency
from store.services.idempotency import Fresh
from store.sql.database import Database
from store.sql.tables import IdempotencyKeyRow, ImportChunkRow
from store.sql.tenant import Acting, Transaction
from store.transfer.report import LineResult, from_json

Summary = dict[str, object]

_OK = 200


@dataclass(slots=True)
class Key:
    """The key of an import: its row, what is done, and what was answered if it came to its end."""

    id: int
    answered: Summary | None = None
    chunks: int = 0
    lines: int = 0

    def count(self, results: Sequence[LineResult]) -> None:
        """Count a chunk that is committed."""
        self.chunks += 1
        self.lines += len(results)


def open_key(database: Database, acting: Acting, key: str, fingerprint: str) -> Key:
    """Take a key for an import, or take up the import that was begun with it. ``acting`` is a token.

    Raises:
        ServiceError: ``idempotency-key-reused``, ``invalid-request``, ``request-in-progress``.
    """
    token_id = acting.token_id or 0
    with database.write(acting) as tx:
        begun = idempotency.begin(tx, token_id, key, fingerprint)
        if isinstance(begun, Fresh):
            return Key(begun.id)
        mine = (IdempotencyKeyRow.token_id == token_id) & (IdempotencyKeyRow.key == key)
        found = tx.scalars(select(IdempotencyKeyRow.id).where(mine)).one()
    return Key(found, cast("Summary", json.loads(begun.body or "{}")))


def advance(tx: Transaction, key: Key, lines: int) -> None:
    """Take the next chunk for this process; the first statement of the chunk's transaction.

    Raises:
        ServiceError: ``request-in-progress`` when another one has taken it, or the key is gone.
    """
    idempotency.advance(tx, key.id, lines_before=key.lines, lines_done=key.lines + lines)


def note(tx: Transaction, key: Key, results: Sequence[LineResult]) -> None:
    """Write down what the chunk did; the last statement of its transaction."""
    report = "\n".join(result.as_json() for result in results)
    tx.execute(insert(ImportChunkRow).values(key_id=key.id, number=key.chunks, report=report))


def reports(database: Database, acting: Acting, key: Key) -> Iterator[list[LineResult]]:
    """Return what each chunk did that is done, and count them in ``key``."""
    while True:
        with database.read(acting) as tx:
            wanted = (ImportChunkRow.key_id == key.id) & (ImportChunkRow.number == key.chunks)
            found = tx.scalar(select(ImportChunkRow.report).where(wanted))
        if found is None:
            return
        results = [from_json(text) for text in found.split("\n")]
        key.count(results)
        yield results


def finish(database: Database, acting: Acting, key: Key, summary: Summary) -> None:
    """Note that all lines are done, and what was answered beside them."""
    with database.write(acting) as tx:
        idempotency.finish(tx, key.id, _OK, json.dumps(summary))
