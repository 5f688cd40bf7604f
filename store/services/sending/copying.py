"""The way of a sent message's copy into its mailbox's own folder of sent mail: taken in hand, its outcome noted.

A copy is due once its message is ``sent``. What the message says is kept until the copy is, or is given up. As with
the hand-over (:mod:`store.services.sending.handing_over`), whoever finds one in hand whose time is over takes it anew;
whoever makes it looks first whether it is there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import undefer

from store.sql.tables import COPY_FAILED, COPY_KEPT, COPY_PENDING, SENT, MessageRow
from store.sql.tenant import Transaction

_SILENT = {"synchronize_session": False}
_SLOWEST = 100_000  # bytes a second into a folder; a large message is in hand for longer


@dataclass(frozen=True, slots=True)
class CopyToKeep:
    """A copy that this worker has in hand."""

    id: int  # of the message
    attempt: int
    login: str  # whose folder it is for
    message_id: str
    content: bytes | None  # None: a release that keeps no copies sent it, and left nothing
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class CopyOutcome:
    """How a copy ended, or for now did not."""

    state: str
    reason: str | None = None
    wait: timedelta | None = None  # until the next attempt; None: it has ended
    folder: str | None = None  # where it is

    @property
    def is_kept(self) -> bool:
        """True for a copy that is there."""
        return self.state == COPY_KEPT


def kept(folder: str) -> CopyOutcome:
    """It is in the folder."""
    return CopyOutcome(COPY_KEPT, folder=folder)


def failed(reason: str) -> CopyOutcome:
    """There will be none."""
    return CopyOutcome(COPY_FAILED, reason)


def later(reason: str, wait: timedelta) -> CopyOutcome:
    """It is not there yet."""
    return CopyOutcome(COPY_PENDING, reason, wait)


def is_due(tx: Transaction, now: datetime) -> bool:
    """Tell whether there is a copy to take in hand."""
    due = select(MessageRow.id).where(MessageRow.copy_due_at <= now, MessageRow.state == SENT)
    return tx.scalar(due.limit(1)) is not None


def take(tx: Transaction, now: datetime, lease: timedelta) -> CopyToKeep | None:
    """Take the copy in hand that has waited longest; None when none is due.

    Args:
        lease: how long it is this one's to make; more for a large message. Whoever has it meanwhile may be at it still.
    """
    due = select(MessageRow).where(MessageRow.copy_due_at <= now, MessageRow.state == SENT)
    first = due.order_by(MessageRow.copy_due_at, MessageRow.id).limit(1)
    row = tx.scalar(first.options(undefer(MessageRow.content)).with_for_update(skip_locked=True))
    if row is None:
        return None
    row.copy_attempts, row.copy_due_at = row.copy_attempts + 1, now + lease + timedelta(seconds=row.size / _SLOWEST)
    tx.flush()
    content = None if row.content is None else (row.copy_head or b"") + row.content
    return CopyToKeep(row.id, row.copy_attempts, row.login, row.message_id, content, row.ended_at or row.created_at)


def note(tx: Transaction, taken: CopyToKeep, outcome: CopyOutcome, now: datetime) -> bool:
    """Write down what became of a copy, and return whether that counts.

    That it is kept counts always; anything else only while nobody else has taken it in hand.
    """
    mine = update(MessageRow).where(MessageRow.id == taken.id, MessageRow.copy_state != COPY_KEPT)
    if outcome.state != COPY_KEPT:
        mine = mine.where(MessageRow.copy_state == COPY_PENDING, MessageRow.copy_attempts == taken.attempt)
    values: dict[str, Any] = {"copy_state": outcome.state, "copy_reason": outcome.reason, "copy_due_at": None}
    values |= {"content": None, "copy_head": None} if outcome.wait is None else {"copy_due_at": now + outcome.wait}
    done = tx.execute(mine.values(values), execution_options=_SILENT)
    return cast("CursorResult[Any]", done).rowcount == 1
