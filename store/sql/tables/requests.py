"""Who may ask by HTTP, and what is kept of requests that may come again."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import utc_now
from store.sql.tables.base import NEVER_REUSE_IDS, Base


class TokenRow(Base):
    """A secret by which a program acts. What is kept is its SHA-256, not the secret."""

    __tablename__ = "tokens"
    __table_args__: Any = (
        CheckConstraint("kind IN ('account', 'message', 'operator')", name="kind"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailboxes.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    start: Mapped[str] = mapped_column(String(40))  # by which people tell one from another
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(Text)  # words
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # to the minute
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class IdempotencyKeyRow(Base):
    """A request that a client may repeat, with what the first one was answered. Kept for a day."""

    __tablename__ = "idempotency_keys"
    __table_args__: Any = (UniqueConstraint("token_id", "key"), NEVER_REUSE_IDS)

    id: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]  # None: an import that has not come to its end
    body: Mapped[str | None] = mapped_column(Text)
    lines_done: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    changed: Mapped[str | None] = mapped_column(Text)  # JSON: [type, is created, [ids]] of the objects of the change
    audited: Mapped[int | None]  # the highest id of the audit log by then
    ends_at: Mapped[datetime | None]  # what was answered holds no longer than that


class ImportChunkRow(Base):
    """What an import with an idempotency key did with some lines, written down in the transaction that did it."""

    __tablename__ = "import_chunks"

    key_id: Mapped[int] = mapped_column(
        ForeignKey("idempotency_keys.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 0
    report: Mapped[str] = mapped_column(Text)  # JSON, a line each


class DeleteIntentRow(Base):
    """A mailbox that someone is about to delete, having been told what goes with it."""

    __tablename__ = "delete_intents"
    __table_args__: Any = (NEVER_REUSE_IDS,)

    id: Mapped[int] = mapped_column(primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailboxes.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
