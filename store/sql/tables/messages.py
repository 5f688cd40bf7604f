"""Messages that programs send through the API, with how far each has come."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import utc_now
from store.sql.tables.base import NEVER_REUSE_IDS, Base

# How far a message has come; docs/messages.md has the steps between.
ACCEPTED, SUBMITTING = "accepted", "submitting"
SENT, REFUSED, UNKNOWN = "sent", "refused", "unknown"
# The copy for the mailbox's own folder of sent mail.
NO_COPY, COPY_PENDING, COPY_KEPT, COPY_FAILED = "none", "pending", "kept", "failed"


class MessageRow(Base):
    """A message on its way to the mail server. What it says is kept until that has taken or refused it."""

    __tablename__ = "messages"
    __table_args__: Any = (
        CheckConstraint("state IN ('accepted', 'submitting', 'sent', 'refused', 'unknown')", name="state"),
        Index(None, "mailbox_id", "created_at"),  # counts a mailbox's messages of a day
        Index(None, "mailbox_id", "send_key", unique=True),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailboxes.id", ondelete="CASCADE"))
    sender: Mapped[str] = mapped_column(String(320))  # of the envelope
    login: Mapped[str] = mapped_column(String(320))  # the mailbox's address
    message_id: Mapped[str] = mapped_column(String(320))
    recipients: Mapped[str] = mapped_column(Text)  # of the envelope: JSON, a list
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # None once it and its copy have ended
    size: Mapped[int]  # of the content, in bytes
    state: Mapped[str] = mapped_column(String(10), default=ACCEPTED)
    key_time: Mapped[int | None] = mapped_column(BigInteger)  # of the hand-over that may have come through
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(default=utc_now, index=True)  # None: nothing is to be done
    queue_id: Mapped[str | None] = mapped_column(String(64))
    reply: Mapped[str | None] = mapped_column(Text)  # the mail server's last words
    refused: Mapped[str] = mapped_column(Text, default="[]")  # JSON: [[recipient, reply]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    ended_at: Mapped[datetime | None]
    copy_state: Mapped[str] = mapped_column(String(10), default=NO_COPY, server_default=NO_COPY)
    copy_due_at: Mapped[datetime | None] = mapped_column(index=True)  # None: nothing to do; counts once it is sent
    copy_attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    copy_reason: Mapped[str | None] = mapped_column(Text)  # why there is none, or not yet
    copy_head: Mapped[bytes | None] = mapped_column(LargeBinary)  # fields that only the copy shows: Bcc
    send_key: Mapped[str | None] = mapped_column(String(255))  # of the command line: once for a mailbox
    fingerprint: Mapped[str | None] = mapped_column(String(64))  # of what was to be sent with it: hex
