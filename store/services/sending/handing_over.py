"""The way of a kept message to the mail server: taken in hand, handed over, its outcome noted.

The key of a hand-over is written down before the mail server is spoken to. Whoever finds a message in hand whose
time is over (a process was killed) hands it over with the same key, which the milter takes once only: the second time
it answers what became of the first. docs/messages.md has the table of states.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, bindparam, case, select, update
from sqlalchemy.orm import undefer

from store.services.sending.kept import RefusedRecipient
from store.sql.tables import ACCEPTED, COPY_PENDING, NO_COPY, REFUSED, SENT, SUBMITTING, UNKNOWN, MessageRow
from store.sql.tenant import Transaction

_SILENT = {"synchronize_session": False}
_ON_ITS_WAY = (ACCEPTED, SUBMITTING)
# Made once: to put a statement together takes about as long as to run it.
_IS_DUE = select(MessageRow.id).where(MessageRow.state.in_(_ON_ITS_WAY), MessageRow.due_at <= bindparam("now")).limit(1)
_FIRST_DUE = (
    select(MessageRow)
    .options(undefer(MessageRow.content))
    .where(MessageRow.state.in_(_ON_ITS_WAY), MessageRow.due_at <= bindparam("now"))
    .order_by(MessageRow.due_at, MessageRow.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
# What is left of a message that was sent, until its copy is kept; and of one that was not, which has none.
_WHILE_COPIED = {"content": case((MessageRow.copy_state == COPY_PENDING, MessageRow.content), else_=None)}
_NOTHING_LEFT: dict[str, Any] = {"content": None, "copy_state": NO_COPY, "copy_due_at": None, "copy_head": None}


@dataclass(frozen=True, slots=True)
class HandOver:
    """A message that this worker has in hand."""

    id: int
    attempt: int  # whoever takes it next counts on: by that one who came too late is told
    sender: str
    login: str
    message_id: str
    recipients: tuple[str, ...]
    content: bytes
    key_time: int  # unix time
    is_first: bool  # with this key: nothing can have come through with it
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a message ended, or for now did not."""

    state: str
    reply: str
    queue_id: str | None = None
    refused: Sequence[RefusedRecipient] = ()
    wait: timedelta | None = None  # until the next attempt; None: it has ended

    @property
    def is_sent(self) -> bool:
        """True when the mail server has it."""
        return self.state == SENT

    @property
    def is_doubtful(self) -> bool:
        """True while, or for ever when, nobody can tell whether the mail server has it."""
        return self.state in {SUBMITTING, UNKNOWN}


def take(tx: Transaction, now: datetime, lease: timedelta) -> HandOver | None:
    """Take the message in hand that has waited longest; None when none is due."""
    row = tx.scalar(_FIRST_DUE, {"now": now})
    if row is None:
        return None
    is_first = row.key_time is None
    row.state, row.attempts, row.due_at = SUBMITTING, row.attempts + 1, now + lease
    row.key_time = int(now.timestamp()) if row.key_time is None else row.key_time
    tx.flush()
    return HandOver(
        id=row.id,
        attempt=row.attempts,
        sender=row.sender,
        login=row.login,
        message_id=row.message_id,
        recipients=tuple(json.loads(row.recipients)),
        content=row.content or b"",
        key_time=row.key_time,
        is_first=is_first,
        created_at=row.created_at,
    )


def note(tx: Transaction, taken: HandOver, outcome: Outcome, now: datetime) -> bool:
    """Write down what became of a message, and return whether that counts.

    That the mail server has it counts always; anything else only while nobody else has taken the message in hand.
    """
    mine = update(MessageRow).where(MessageRow.id == taken.id, MessageRow.state != SENT)
    if outcome.state != SENT:
        mine = mine.where(MessageRow.state == SUBMITTING, MessageRow.attempts == taken.attempt)
    done = tx.execute(mine.values(_values(outcome, now)), execution_options=_SILENT)
    return cast("CursorResult[Any]", done).rowcount == 1


def _values(outcome: Outcome, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"state": outcome.state, "reply": outcome.reply}
    if outcome.wait is not None:
        values["due_at"] = now + outcome.wait
        return values | ({"key_time": None} if outcome.state == ACCEPTED else {})
    refused = json.dumps([[one.address, one.reply] for one in outcome.refused])
    ended = {"due_at": None, "ended_at": now, "queue_id": outcome.queue_id, "refused": refused}
    return values | ended | (_WHILE_COPIED if outcome.state == SENT else _NOTHING_LEFT)


def sent(reply: str, queue_id: str | None, refused: Sequence[RefusedRecipient] = ()) -> Outcome:
    """The mail server has it."""
    return Outcome(SENT, reply, queue_id, refused)


def rejected(reply: str, refused: Sequence[RefusedRecipient] = ()) -> Outcome:
    """The mail server will never take it."""
    return Outcome(REFUSED, reply, None, refused)


def unknown(reply: str) -> Outcome:
    """Whether the mail server has it cannot be told any more."""
    return Outcome(UNKNOWN, reply)


def again(reply: str, wait: timedelta) -> Outcome:
    """The mail server did not take it, and may later: a new hand-over with a new key."""
    return Outcome(ACCEPTED, reply, wait=wait)


def asked_again(reply: str, wait: timedelta) -> Outcome:
    """It may have come through: the same hand-over once more, with the same key."""
    return Outcome(SUBMITTING, reply, wait=wait)


def is_due(tx: Transaction, now: datetime) -> bool:
    """Tell whether there is a message to take in hand."""
    return tx.scalar(_IS_DUE, {"now": now}) is not None
