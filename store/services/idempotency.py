"""Requests that a client may repeat: the key, written in the change's own transaction, with the answer.

draft-ietf-httpapi-idempotency-key-header. A repeat while the first runs waits for it: on PostgreSQL at the unique key,
on SQLite for its turn to write. A kept answer ends after a day, or when a later request changes away what it speaks of
(:mod:`store.services.kept_answers`): then the repeat is a request of its own.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.exc import OperationalError

from store.clock import utc_now
from store.errors import ServiceError
from store.services import kept_answers
from store.sql.insert_if_free import insert_if_free
from store.sql.keep_answer import keep_answer
from store.sql.tables import IdempotencyKeyRow
from store.sql.tenant import Transaction

KEPT = timedelta(hours=24)
_LONGEST_KEY = 255
_PRUNED_EVERY, _PRUNED_AT_ONCE = 16, 100  # keys: one request in so many takes old ones away, more than come meanwhile
_SILENT = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Fresh:
    """A request that was not answered yet; ``id`` is for :func:`finish`.

    An import that stopped half-way has done ``lines_done`` lines.
    """

    id: int
    lines_done: int = 0


@dataclass(frozen=True, slots=True)
class Replay:
    """A request that was answered before."""

    status: int
    body: str | None


def begin(tx: Transaction, token_id: int, key: str, fingerprint: str) -> Fresh | Replay:
    """Take a key: the first thing that the transaction of a change does.

    Args:
        token_id: whose key it is.
        key: of the client, 1 to 255 printable characters.
        fingerprint: hex digest of what makes the request this one and no other.

    Raises:
        ServiceError: ``invalid-request`` for the key; ``idempotency-key-reused`` for another request with that key;
            ``request-in-progress`` when the first one takes too long (PostgreSQL).
        StoreUnavailable: the same on SQLite, where nobody can tell which request it is that takes so long; it comes
            before this, from the block of the transaction.
    """
    if not 0 < len(key) <= _LONGEST_KEY or not key.isprintable():
        raise ServiceError("invalid-request", f"a key has 1 to {_LONGEST_KEY} printable characters")
    taken = _take(tx, token_id, key, fingerprint)
    if taken is None and (found := _found(tx, token_id, key)):
        return _known(tx, found, fingerprint)
    if taken is None:
        taken = _take(tx, token_id, key, fingerprint)
    if taken is None:
        raise ServiceError("conflict", "another request got there first; look again and retry")
    if taken % _PRUNED_EVERY == 0:
        _prune(tx)
    return Fresh(taken)


def finish(tx: Transaction, key_id: int, status: int, body: str | None) -> None:
    """Keep the answer, in the transaction of the change. ``body`` holds no secrets.

    With it go the objects of which the transaction noted a change (:mod:`store.services.kept_answers`). Does nothing
    when the change removed the token, and the key with it.
    """
    about = {"objects": kept_answers.objects(tx), "until": kept_answers.until(tx)}
    keep_answer(tx, key_id, {"answer": status, "kept": body, **about})


def advance(tx: Transaction, key_id: int, *, lines_before: int, lines_done: int) -> None:
    """Note how far an import has come, in the transaction of its latest lines.

    Raises:
        ServiceError: ``request-in-progress`` when it no longer stands at ``lines_before``: another request with this
            key is at work.
    """
    row = IdempotencyKeyRow
    here = update(row).where(row.id == key_id, row.lines_done == lines_before, row.status.is_(None))
    moved = tx.execute(here.values(lines_done=lines_done), execution_options=_SILENT)
    if cast("CursorResult[Any]", moved).rowcount != 1:
        raise in_progress()


def in_progress() -> ServiceError:
    """Return the refusal of a repeat that came while the first request runs."""
    return ServiceError(
        "request-in-progress", "a request with this key is still running", hint="ask again in a few seconds"
    )


def _take(tx: Transaction, token_id: int, key: str, fingerprint: str) -> int | None:
    """Return the id of the key's new row, None when there is one already; waits for one that is being written."""
    try:
        return insert_if_free(tx, IdempotencyKeyRow, token_id=token_id, key=key, fingerprint=fingerprint)
    except OperationalError as error:
        if type(error.orig).__name__ == "LockNotAvailable":
            raise in_progress() from error
        raise


def _found(tx: Transaction, token_id: int, key: str) -> IdempotencyKeyRow | None:
    """Return the row of a key; None when there is none (any more), or its time was over and it went now."""
    here = (IdempotencyKeyRow.token_id == token_id) & (IdempotencyKeyRow.key == key)
    found = tx.scalar(select(IdempotencyKeyRow).where(here).with_for_update())
    if found is None or found.created_at > utc_now() - KEPT:
        return found
    tx.delete(found)
    tx.flush()
    return None


def _known(tx: Transaction, found: IdempotencyKeyRow, fingerprint: str) -> Fresh | Replay:
    if found.fingerprint != fingerprint:
        raise ServiceError(
            "idempotency-key-reused",
            "this Idempotency-Key was used for another request",
            hint="take a new key for each request, and the same key only to repeat one",
        )
    if found.status is None:
        return Fresh(found.id, found.lines_done)
    if kept_answers.has_ended(tx, found):
        found.status, found.body, found.created_at = None, None, utc_now()
        tx.flush()
        return Fresh(found.id)
    return Replay(found.status, found.body)


def _prune(tx: Transaction) -> None:
    """Remove some keys whose time is over, whosever they are, except those that others are removing."""
    with tx.unbound():
        old = select(IdempotencyKeyRow.id).where(IdempotencyKeyRow.created_at <= utc_now() - KEPT)
        ids = tx.scalars(old.limit(_PRUNED_AT_ONCE).with_for_update(skip_locked=True)).all()
        if ids:
            tx.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.id.in_(ids)), execution_options=_SILENT)
