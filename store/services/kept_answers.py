"""When the answer that is kept with an idempotency key ends before its day is over.

Clients that derive the key from the request send the same one when they mean the same thing anew: create, delete,
create; pause, resume, pause. The audit log tells that from a retry: a retry finds nothing later about the objects that
the first request changed. Its entries come after the lock on their object, so a later change has a higher id.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from store.batches import batches
from store.clock import utc_now
from store.services.audit import DELETED, noted
from store.sql.tables import AuditRow, IdempotencyKeyRow
from store.sql.tenant import Transaction

_AT_ONCE = 500  # ids in one statement
_UNTIL = "answer_until"


def hold_until(tx: Transaction, moment: datetime) -> None:
    """Let the answer of the request that makes this transaction be kept until ``moment`` at most."""
    tx.info[_UNTIL] = moment


def until(tx: Transaction) -> datetime | None:
    """Return the moment that :func:`hold_until` was given, None for none."""
    found: datetime | None = tx.info.get(_UNTIL)
    return found


def objects(tx: Transaction) -> str:
    """Return the objects that the transaction made or changed, as they are kept with the key: JSON."""
    found = defaultdict[tuple[str, bool], list[int]](list)
    for object_type, object_id, is_created in sorted(noted(tx)):
        found[object_type, is_created].append(object_id)
    return json.dumps([[kind, is_created, ids] for (kind, is_created), ids in found.items()])


def has_ended(tx: Transaction, key: IdempotencyKeyRow) -> bool:
    """Return whether an answer no longer holds.

    It ends when an object that the request made was deleted since, when one that it changed was changed in any way,
    and with the moment that it was kept until. A key of an earlier version, which says nothing of objects, does not.
    """
    if key.ends_at is not None and key.ends_at <= utc_now():
        return True
    return any(_was_changed(tx, key.audited or 0, *some) for some in _pieces(key.changed or "[]"))


def _pieces(text: str) -> Iterator[tuple[str, bool, list[int]]]:
    for kind, is_created, ids in json.loads(text):
        for some in batches(ids, _AT_ONCE):
            yield kind, is_created, list(some)


def _was_changed(tx: Transaction, after: int, kind: str, is_created: bool, ids: list[int]) -> bool:
    later = select(AuditRow.id).where(AuditRow.id > after, AuditRow.object_type == kind, AuditRow.object_id.in_(ids))
    if is_created:
        later = later.where(AuditRow.action.endswith(DELETED))
    return tx.scalar(later.limit(1)) is not None
