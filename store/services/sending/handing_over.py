"""The way of a kept message to the mail server: taken in hand, handed over, its outcome noted.

The key of a hand-over is written down before the mail server is spoken to. Whoever finds a message in hand whose
time is over (a process was killed) hands it over with the same key, which the milter takes once only: the second time
it answers what became of the first. docs/messages.md has the table of states.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from store.services.sending.kept import RefusedRecipient
from store.sql import hand_over_query
from store.sql.hand_over_query import Rows
from store.sql.tables import ACCEPTED, REFUSED, SENT, SUBMITTING, UNKNOWN


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


def take(tx: Rows, now: datetime, lease: timedelta) -> HandOver | None:
    """Take the message in hand that has waited longest; None when none is due."""
    row = hand_over_query.FIRST_DUE.row(tx, {"now": now})
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
    hand_over_query.TAKE.change(tx, {"taken": taken.id, **new, "new_key_time": taken.key_time})
    return taken


def note(tx: Rows, taken: HandOver, outcome: Outcome, now: datetime) -> bool:
    """Write down what became of a message, and return whether that counts.

    That the mail server has it counts always; anything else only while nobody else has taken the message in hand.
    """
    which: dict[str, Any] = {"taken": taken.id} if outcome.is_sent else {"taken": taken.id, "attempt": taken.attempt}
    if outcome.wait is not None:
        waits = hand_over_query.WHILE_MINE.values(_waiting(outcome, now + outcome.wait))
        return tx.execute(waits, which).rowcount == 1
    ends = hand_over_query.NOTE_SENT if outcome.is_sent else hand_over_query.NOTE_ENDED
    return ends.change(tx, which | _ended(outcome, now)) == 1


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


def is_due(tx: Rows, now: datetime) -> bool:
    """Tell whether there is a message to take in hand."""
    return hand_over_query.IS_DUE.row(tx, {"now": now}) is not None
