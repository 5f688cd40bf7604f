"""Messages as they are kept, for those who sent them: looked up one by one, and listed."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute

from store.errors import ServiceError
from store.services import lookup
from store.services.lookup import Ref, has_id
from store.services.paging import Page, page_of
from store.sql.tables import REFUSED, MessageRow
from store.sql.tenant import Transaction

State = Literal["accepted", "submitting", "sent", "refused", "unknown"]
CopyState = Literal["none", "pending", "kept", "failed"]


@dataclass(frozen=True, slots=True)
class RefusedRecipient:
    """A recipient that the mail server refused, while it took others."""

    address: str
    reply: str


@dataclass(frozen=True, slots=True)
class SentCopy:
    """How far the copy for the mailbox's own folder of sent mail has come."""

    status: CopyState
    reason: str | None  # why there is none, or not yet


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message as the program that sent it sees it."""

    id: int
    status: State
    code: Literal["rejected-by-mta"] | None
    sender: str
    message_id: str
    recipients: tuple[str, ...]
    size: int
    attempts: int
    queue_id: str | None
    reply: str | None
    refused: tuple[RefusedRecipient, ...]
    sent_copy: SentCopy
    created_at: datetime
    ended_at: datetime | None


_SEEN: tuple[InstrumentedAttribute[Any], ...] = tuple(
    getattr(MessageRow, name)
    for name in ("id", "state", "sender", "message_id", "recipients", "size", "attempts", "queue_id", "reply",
                 "refused", "copy_state", "copy_reason", "created_at", "ended_at")
)  # fmt: skip


def get(tx: Transaction, mailbox_id: int, message: int) -> KeptMessage:
    """Return a message of a mailbox. Raises ServiceError ``not-found``."""
    return _one(tx, _by_id(message).where(MessageRow.mailbox_id == mailbox_id), message)


def get_any(tx: Transaction, message: int) -> KeptMessage:
    """Return a message, whichever mailbox sent it. Raises ServiceError ``not-found``."""
    return _one(tx, _by_id(message), message)


def page(tx: Transaction, *, mailbox: Ref | None = None, unfinished: bool = False, most: int = 25) -> Page[KeptMessage]:
    """Return messages, the latest first.

    Args:
        mailbox: only those of one mailbox.
        unfinished: only those that have not come to their end, or whose copy has not.
        most: of them.

    Raises:
        ServiceError: ``not-found``, ``invalid-request`` for the mailbox.
    """
    query = select(*_SEEN).order_by(MessageRow.id.desc())
    if mailbox is not None:
        query = query.where(MessageRow.mailbox_id == lookup.mailbox(tx, mailbox).mailbox.id)
    if unfinished:
        query = query.where(MessageRow.due_at.is_not(None) | MessageRow.copy_due_at.is_not(None))
    return page_of(tx, query, view, 1, most)


def _by_id(message: int) -> Select[*tuple[Any, ...]]:
    return select(*_SEEN).where(has_id(MessageRow.id, message))


def _one(tx: Transaction, query: Select[*tuple[Any, ...]], message: int) -> KeptMessage:
    found = tx.execute(query).one_or_none()
    if found is None:
        raise ServiceError("not-found", f"there is no message {message}")
    return view(found)


def view(row: Any) -> KeptMessage:
    """Return what a row, or anything with the same names, says."""
    return KeptMessage(
        id=row.id,
        status=row.state,
        code="rejected-by-mta" if row.state == REFUSED else None,
        sender=row.sender,
        message_id=row.message_id,
        recipients=tuple(json.loads(row.recipients)),
        size=row.size,
        attempts=row.attempts,
        queue_id=row.queue_id,
        reply=row.reply,
        refused=tuple(RefusedRecipient(*one) for one in json.loads(row.refused)),
        sent_copy=SentCopy(row.copy_state, row.copy_reason),
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
