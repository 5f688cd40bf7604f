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

from sqlalchemy import CursorResult, Table, bindparam, case, select, update

from store.services.sending.kept import RefusedRecipient
from store.sql.tables import ACCEPTED, COPY_PENDING, NO_COPY, REFUSED, SENT, SUBMITTING, UNKNOWN, MessageRow
from store.sql.tenant import Transaction

# Made once, and of the table rather than of objects: to put a statement together, or an object, takes longer than to
# run it. A transaction that is bound to an account refuses them (store.sql.tenant).
_TABLE = cast("Table", MessageRow.__table__)
_COLUMN = _TABLE.c
_DUE = ((_COLUMN.state == ACCEPTED) | (_COLUMN.state == SUBMITTING)) & (_COLUMN.due_at <= bindparam("now"))
_IS_DUE = select(_COLUMN.id).where(_DUE).limit(1)
_TAKEN = ("id", "attempts", "sender", "login", "message_id", "recipients", "content", "key_time", "created_at")
_FIRST_DUE = (
    select(*(_COLUMN[name] for name in _TAKEN))
    .where(_DUE)
    .order_by(_COLUMN.due_at, _COLUMN.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_THAT = update(_TABLE).where(_COLUMN.id == bindparam("taken"))
_TAKE = _THAT.values({name: bindparam(f"new_{name}") for name in ("state", "attempts", "due_at", "key_time")})
_UNLESS_SENT = _THAT.where(_COLUMN.state != SENT)
_WHILE_MINE = _THAT.where(_COLUMN.state == SUBMITTING, _COLUMN.attempts == bindparam("attempt"))
_ENDED: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("state", "reply", "ended_at", "queue_id", "refused")}
# What is left of a message that was sent, until its copy is kept; and of one that was not, which has none.
_WHILE_COPIED = {"content": case((_COLUMN.copy_state == COPY_PENDING, _COLUMN.content), else_=None)}
_NOTHING_LEFT: dict[str, Any] = {"content": None, "copy_state": NO_COPY, "copy_due_at": None, "copy_head": None}
_NOTE_SENT = _UNLESS_SENT.values({**_ENDED, "due_at": None, **_WHILE_COPIED})
_NOTE_ENDED = _WHILE_MINE.values({**_ENDED, "due_at": None, **_NOTHING_LEFT})


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
    row = tx.execute(_FIRST_DUE, {"now": now}).one_or_none()
    if row is None:
        return None
    taken = HandOver(
        id=row.id,
        attempt=row.attempts + 1,
        sender=row.sender,
        login=row.login,
        message_id=row.message_id,
        recipients=tuple(json.loads(row.recipients)),
        content=row.content or b"",
        key_time=int(now.timestamp()) if row.key_time is None else row.key_time,
        is_first=row.key_time is None,
        created_at=row.created_at,
    )
    new = {"new_state": SUBMITTING, "new_attempts": taken.attempt, "new_due_at": now + lease}
    tx.execute(_TAKE, {"taken": taken.id, **new, "new_key_time": taken.key_time})
    return taken


def note(tx: Transaction, taken: HandOver, outcome: Outcome, now: datetime) -> bool:
    """Write down what became of a message, and return whether that counts.

    That the mail server has it counts always; anything else only while nobody else has taken the message in hand.
    """
    which: dict[str, Any] = {"taken": taken.id} if outcome.is_sent else {"taken": taken.id, "attempt": taken.attempt}
    if outcome.wait is not None:
        done = tx.execute(_WHILE_MINE.values(_waiting(outcome, now + outcome.wait)), which)
    else:
        done = tx.execute(_NOTE_SENT if outcome.is_sent else _NOTE_ENDED, which | _ended(outcome, now))
    return cast("CursorResult[Any]", done).rowcount == 1


def _waiting(outcome: Outcome, until: datetime) -> dict[str, Any]:
    values = {"state": outcome.state, "reply": outcome.reply, "due_at": until}
    return values | ({"key_time": None} if outcome.state == ACCEPTED else {})


def _ended(outcome: Outcome, now: datetime) -> dict[str, Any]:
    refused = json.dumps([[one.address, one.reply] for one in outcome.refused])
    values = {"state": outcome.state, "reply": outcome.reply, "ended_at": now, "queue_id": outcome.queue_id}
    return {f"new_{name}": value for name, value in values.items()} | {"new_refused": refused}


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
