"""Who signs in to the dashboard: admins, their sessions and those of mailbox owners, and what was tried."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import utc_now
from store.sql.tables.base import NEVER_REUSE_IDS, Base

ADMIN, VIEWER = "admin", "viewer"  # roles: changes everything that it sees, or only sees it


class AdminRow(Base):
    """A person who looks after one account, or as an operator after all of them."""

    __tablename__ = "admins"
    __table_args__: Any = (CheckConstraint("role IN ('admin', 'viewer')", name="role"), NEVER_REUSE_IDS)

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(String(320), unique=True)  # canonical; need not be hosted here
    password_hash: Mapped[str] = mapped_column(String(255))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class SessionRow(Base):
    """A browser that an admin or a mailbox owner signed in with. What is kept of its secret is the SHA-256."""

    __tablename__ = "sessions"
    __table_args__: Any = (
        CheckConstraint("(admin_id IS NULL) <> (mailbox_id IS NULL)", name="one_person"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("admins.id", ondelete="CASCADE"), index=True)
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailboxes.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))  # stands in every form of the session
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)  # to the minute
    client: Mapped[str | None] = mapped_column(String(64))  # IP address it began from
    browser: Mapped[str | None] = mapped_column(String(80))  # in words: "Firefox on Linux"


class SignInAttemptRow(Base):
    """How often signing in failed lately: for a name, for a client's address, for both together."""

    __tablename__ = "sign_in_attempts"
    __table_args__: Any = (NEVER_REUSE_IDS,)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256: names that were typed are not kept
    failures: Mapped[int] = mapped_column(default=0)
    has_succeeded: Mapped[bool] = mapped_column(default=False)
    last_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
