"""Messages accepted to be sent, together with the idempotency key of the request, and within the limit of a day.

A request over HTTP has its key in ``idempotency_keys``, beside its token. The command line has no token: its key stands
with the message itself (:class:`Once`).
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Self

from sqlalchemy import delete, select

from store.clock import utc_now
from store.errors import ServiceError
from store.services import audit, lookup
from store.services.lookup import FoundMailbox
from store.services.sending.kept import KeptMessage, view
from store.sql import sender_query
from store.sql.database import Database
from store.sql.insert_row import insert_row
from store.sql.tables import ACCEPTED, COPY_PENDING, NO_COPY, MessageRow
from store.sql.tenant import Transaction

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
class Sender:
    """A mailbox that sends; it was found in its account."""

    id: int
    account_id: int
    address: str
    display_name: str

    @classmethod
    def of(cls, found: FoundMailbox) -> Self:
        """Return a mailbox that was looked up."""
        return cls(found.mailbox.id, found.account.id, found.text, found.mailbox.display_name)


@dataclass(frozen=True, slots=True)
class Once:
    """What makes a command safe to repeat: a key, and a digest that tells its message from any other."""

    key: str  # 1 to 255 printable characters
    fingerprint: str  # hex, at most 64 digits


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the audit log tells of a message: nothing that it says."""

    sender: str
    message_id: str
    recipients: int
    size: int


# What a row has before anything was done with it.
_NEW = {
    "state": ACCEPTED, "attempts": 0, "queue_id": None, "reply": None, "refused": "[]", "ended_at": None,
    "copy_state": NO_COPY, "copy_reason": None,
}  # fmt: skip


def sender(database: Database, mailbox_id: int, account_id: int) -> Sender:
    """Return a mailbox of an account, in one statement.

    Raises:
        ServiceError: ``not-found``.
        StoreUnavailable, StoreNotReady: nothing could be learned.
    """
    found = sender_query.find_sender(database, mailbox_id, account_id)
    if found is None:
        raise lookup.not_found("mailbox", mailbox_id, "mailbox")
    return Sender(found.id, found.account_id, f"{found.local_part}@{found.domain}", found.display_name)


def accept(
    tx: Transaction,
    mailbox: Sender,
    message: Outgoing,
    *,
    per_day: int,
    wants_copy: bool = False,
    once: Once | None = None,
) -> KeptMessage:
    """Keep a message that is to be sent, and write down who asked for it.

    Args:
        mailbox: that sends it; may have been found in an earlier transaction.
        wants_copy: once it is sent, a copy goes into the mailbox's folder of sent mail.
        once: see :func:`repeated`, which comes first, in the same transaction.

    Raises:
        ServiceError: ``rate-limited`` when the mailbox has sent ``per_day`` within a day; ``not-found``.
    """
    is_seen = tx.acting.account_id in {None, mailbox.account_id}
    if not is_seen or not sender_query.lock_sender(tx, mailbox.id):  # two must not both count the last place as free
        raise ServiceError("not-found", f"there is no mailbox {mailbox.address}", field="mailbox")
    _check_limit(tx, mailbox.id, per_day)
    values = _values(mailbox.id, message, wants_copy=wants_copy, once=once)
    made = insert_row(tx, MessageRow, values)
    asked = _Asked(message.sender, message.message_id, len(message.recipients), len(message.content))
    audit.note(tx, "message.send", "message", made, mailbox.address, None, asked, account_id=mailbox.account_id)
    if made % _PRUNED_EVERY == 0:
        _prune(tx)
    return view(SimpleNamespace(id=made, **values))


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
    return None if row is None else view(row)


def _values(mailbox_id: int, message: Outgoing, *, wants_copy: bool, once: Once | None) -> dict[str, Any]:
    now = utc_now()
    values = {
        **_NEW,
        "mailbox_id": mailbox_id,
        "sender": message.sender,
        "login": message.login,
        "message_id": message.message_id,
        "recipients": json.dumps(message.recipients),
        "content": message.content,
        "size": len(message.content),
        "due_at": now,
        "created_at": now,
    }
    if wants_copy:
        values |= {"copy_state": COPY_PENDING, "copy_due_at": now, "copy_head": message.hidden}
    return values if once is None else values | {"send_key": once.key, "fingerprint": once.fingerprint}


def _check_limit(tx: Transaction, mailbox_id: int, per_day: int) -> None:
    since = utc_now() - DAY
    used, oldest = sender_query.sent_since(tx, mailbox_id, since)
    if used < per_day or oldest is None:
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
