"""Messages as they are kept: accepted together with the idempotency key of the request, and looked up again."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, func, select
from sqlalchemy.orm import InstrumentedAttribute

from store.clock import utc_now
from store.errors import ServiceError
from store.services import lookup
from store.services.lookup import has_id
from store.sql.tables import REFUSED, MessageRow
from store.sql.tenant import Transaction

__all__ = ["REFUSED", "KeptMessage", "Outgoing", "RefusedRecipient", "State", "accept", "get"]

State = Literal["accepted", "submitting", "sent", "refused", "unknown"]
DAY = timedelta(hours=24)
KEPT = timedelta(days=30)  # what became of a message; what it says goes as soon as that is known
_PRUNED_EVERY, _PRUNED_AT_ONCE = 16, 100
_SILENT = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is ready to leave."""

    sender: str  # of the envelope
    login: str  # the mailbox that sends it
    message_id: str  # with its angle brackets
    recipients: tuple[str, ...]  # of the envelope: all of them, those of Bcc too
    content: bytes  # CRLF, no Bcc


@dataclass(frozen=True, slots=True)
class RefusedRecipient:
    """A recipient that the mail server refused, while it took others."""

    address: str
    reply: str


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message as the program that sent it sees it."""

    id: int
    state: State
    sender: str
    message_id: str
    recipients: tuple[str, ...]
    size: int
    attempts: int
    queue_id: str | None
    reply: str | None
    refused: tuple[RefusedRecipient, ...]
    created_at: datetime
    ended_at: datetime | None


_SEEN: tuple[InstrumentedAttribute[Any], ...] = tuple(
    getattr(MessageRow, name)
    for name in ("id", "state", "sender", "message_id", "recipients", "size", "attempts", "queue_id", "reply",
                 "refused", "created_at", "ended_at")
)  # fmt: skip


def accept(tx: Transaction, mailbox_id: int, message: Outgoing, *, per_day: int) -> KeptMessage:
    """Keep a message that is to be sent.

    Raises:
        ServiceError: ``rate-limited`` when the mailbox has sent ``per_day`` within a day; ``not-found``.
    """
    lookup.mailbox(tx, mailbox_id, lock=True)  # so that two requests do not both count the same last place as free
    _check_limit(tx, mailbox_id, per_day)
    row = MessageRow(
        mailbox_id=mailbox_id,
        sender=message.sender,
        login=message.login,
        message_id=message.message_id,
        recipients=json.dumps(message.recipients),
        content=message.content,
        size=len(message.content),
    )
    tx.add(row)
    tx.flush()
    if row.id % _PRUNED_EVERY == 0:
        _prune(tx)
    return _view(row)


def get(tx: Transaction, mailbox_id: int, message: int) -> KeptMessage:
    """Return a message of a mailbox. Raises ServiceError ``not-found``."""
    wanted = select(*_SEEN).where(has_id(MessageRow.id, message), MessageRow.mailbox_id == mailbox_id)
    found = tx.execute(wanted).one_or_none()
    if found is None:
        raise ServiceError("not-found", f"there is no message {message}")
    return _view(found)


def _check_limit(tx: Transaction, mailbox_id: int, per_day: int) -> None:
    mine = MessageRow.mailbox_id == mailbox_id
    since = utc_now() - DAY
    used, oldest = tx.execute(
        select(func.count(), func.min(MessageRow.created_at)).where(mine, MessageRow.created_at > since)
    ).one()
    if used < per_day:
        return
    raise ServiceError(
        "rate-limited",
        f"this mailbox has sent {used} messages within 24 hours, and may send {per_day}",
        hint="send on when the oldest of them is a day old, or ask the operator for [sending] per_day",
        details={"used": used, "limit": per_day},
        retry_after=max(1.0, (oldest - since).total_seconds()),
    )


def _prune(tx: Transaction) -> None:
    """Remove some messages whose time is over, whosever they are."""
    with tx.unbound():
        old = select(MessageRow.id).where(MessageRow.created_at < utc_now() - KEPT, MessageRow.ended_at.is_not(None))
        ids = tx.scalars(old.limit(_PRUNED_AT_ONCE)).all()
        tx.execute(delete(MessageRow).where(MessageRow.id.in_(ids)), execution_options=_SILENT)


def _view(row: Any) -> KeptMessage:
    return KeptMessage(
        id=row.id,
        state=row.state,
        sender=row.sender,
        message_id=row.message_id,
        recipients=tuple(json.loads(row.recipients)),
        size=row.size,
        attempts=row.attempts,
        queue_id=row.queue_id,
        reply=row.reply,
        refused=tuple(RefusedRecipient(*one) for one in json.loads(row.refused)),
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
