"""Messages as they are kept: accepted together with the idempotency key of the request, and looked up again.

A request over HTTP has its key in ``idempotency_keys``, beside its token. The command line has no token: its key stands
with the message itself (:class:`Once`).
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Select, bindparam, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute

from store.clock import utc_now
from store.errors import ServiceError
from store.services import audit, lookup
from store.services.lookup import FoundMailbox, Ref, has_id
from store.services.paging import Page, page_of
from store.sql.tables import COPY_PENDING, NO_COPY, REFUSED, MessageRow
from store.sql.tenant import Transaction

State = Literal["accepted", "submitting", "sent", "refused", "unknown"]
CopyState = Literal["none", "pending", "kept", "failed"]
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
    hidden: bytes = b""  # fields that only the sender's own copy shows: Bcc


@dataclass(frozen=True, slots=True)
class Once:
    """What makes a command safe to repeat: a key, and a digest that tells its message from any other."""

    key: str  # 1 to 255 printable characters
    fingerprint: str  # hex, at most 64 digits


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


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the audit log tells of a message: nothing that it says."""

    sender: str
    message_id: str
    recipients: int
    size: int


_SEEN: tuple[InstrumentedAttribute[Any], ...] = tuple(
    getattr(MessageRow, name)
    for name in ("id", "state", "sender", "message_id", "recipients", "size", "attempts", "queue_id", "reply",
                 "refused", "copy_state", "copy_reason", "created_at", "ended_at")
)  # fmt: skip


def accept(
    tx: Transaction,
    mailbox_id: int,
    message: Outgoing,
    *,
    per_day: int,
    wants_copy: bool = False,
    once: Once | None = None,
) -> KeptMessage:
    """Keep a message that is to be sent, and write down who asked for it.

    Args:
        wants_copy: once it is sent, a copy goes into the mailbox's folder of sent mail.
        once: see :func:`repeated`, which comes first, in the same transaction.

    Raises:
        ServiceError: ``rate-limited`` when the mailbox has sent ``per_day`` within a day; ``not-found``.
    """
    found = lookup.mailbox(tx, mailbox_id, lock=True)  # two requests must not both count the same last place as free
    _check_limit(tx, mailbox_id, per_day)
    row = _row(mailbox_id, message)
    if wants_copy:
        row.copy_state, row.copy_due_at, row.copy_head = COPY_PENDING, utc_now(), message.hidden
    if once is not None:
        row.send_key, row.fingerprint = once.key, once.fingerprint
    tx.add(row)
    tx.flush()
    _note(tx, found, row)
    if row.id % _PRUNED_EVERY == 0:
        _prune(tx)
    return _view(row)


def repeated(tx: Transaction, mailbox_id: int, once: Once) -> KeptMessage | None:
    """Return the message that the mailbox sends by this key already; None for a new key, which no one takes meanwhile.

    Raises:
        ServiceError: ``idempotency-key-reused`` when that is another message; ``not-found`` for the mailbox.
    """
    lookup.mailbox(tx, mailbox_id, lock=True)
    mine = MessageRow.mailbox_id == mailbox_id
    row = tx.scalar(select(MessageRow).where(mine, MessageRow.send_key == once.key))
    if row is not None and row.fingerprint != once.fingerprint:
        raise ServiceError(
            "idempotency-key-reused",
            f"this key was used for another message, {row.id}",
            hint="take a new key for each message, and the same key only to repeat one",
        )
    return None if row is None else _view(row)


def _row(mailbox_id: int, message: Outgoing) -> MessageRow:
    return MessageRow(
        mailbox_id=mailbox_id,
        sender=message.sender,
        login=message.login,
        message_id=message.message_id,
        recipients=json.dumps(message.recipients),
        content=message.content,
        size=len(message.content),
        copy_state=NO_COPY,
    )


def _note(tx: Transaction, found: FoundMailbox, row: MessageRow) -> None:
    asked = _Asked(row.sender, row.message_id, len(json.loads(row.recipients)), row.size)
    audit.note(tx, "message.send", "message", row.id, found.text, None, asked, account_id=found.account.id)


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
    return page_of(tx, query, _view, 1, most)


def _by_id(message: int) -> Select[*tuple[Any, ...]]:
    return select(*_SEEN).where(has_id(MessageRow.id, message))


def _one(tx: Transaction, query: Select[*tuple[Any, ...]], message: int) -> KeptMessage:
    found = tx.execute(query).one_or_none()
    if found is None:
        raise ServiceError("not-found", f"there is no message {message}")
    return _view(found)


# Made once: to put a statement together takes about as long as to run it.
_USED = select(func.count(), func.min(MessageRow.created_at)).where(
    MessageRow.mailbox_id == bindparam("mailbox"), MessageRow.created_at > bindparam("since")
)


def _check_limit(tx: Transaction, mailbox_id: int, per_day: int) -> None:
    since = utc_now() - DAY
    used, oldest = tx.execute(_USED, {"mailbox": mailbox_id, "since": since}).one()
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
