"""Accounts, their domains, and the names in them.

Every mailbox and alias has its row in ``addresses``, and so has a deleted name that its account keeps from others: its
unique key is what makes a name belong to one of them only.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import utc_now
from store.sql.tables.base import NEVER_REUSE_IDS, Base

MAILBOX, ALIAS, KEPT = "mailbox", "alias", "kept"

_PROVED = text("verified_at IS NOT NULL")


class AccountRow(Base):
    """A customer: who owns domains and pays for a plan."""

    __tablename__ = "accounts"
    __table_args__: Any = (
        CheckConstraint("plan IN ('nano', 'starter', 'pro', 'agency')", name="plan"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    plan: Mapped[str] = mapped_column(String(16))
    is_trial: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)  # False: suspended
    first_payment_at: Mapped[datetime | None]
    remember_senders_days: Mapped[int] = mapped_column(default=0, server_default="0")  # of aliases; 0: not at all
    keep_deleted_days: Mapped[int] = mapped_column(default=0, server_default="0")  # KeptNameRow
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class DomainRow(Base):
    """A domain as one account sees it. Several accounts may have one name pending, only one can have it proved."""

    __tablename__ = "domains"
    __table_args__: Any = (
        UniqueConstraint("account_id", "name"),
        Index("uq_domains_proved_name", "name", unique=True, sqlite_where=_PROVED, postgresql_where=_PROVED),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str] = mapped_column(String(253))  # A-labels
    verified_at: Mapped[datetime | None]  # set once; None: pending
    is_active: Mapped[bool] = mapped_column(default=True)  # False: switched off
    proof_lapsed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class AddressRow(Base):
    """One name in a proved domain: of a mailbox, of an alias, or deleted and kept from others."""

    __tablename__ = "addresses"
    __table_args__: Any = (
        UniqueConstraint("domain_id", "local_part"),
        CheckConstraint("kind IN ('mailbox', 'alias', 'kept')", name="kind"),
        Index(None, "domain_id", "kind", "id"),  # finds the oldest mailbox of a domain
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    domain_id: Mapped[int] = mapped_column(ForeignKey("domains.id"))
    local_part: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class MailboxRow(Base):
    """A mailbox; its id is that of its address."""

    __tablename__ = "mailboxes"

    id: Mapped[int] = mapped_column(
        ForeignKey("addresses.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    display_name: Mapped[str] = mapped_column(String(200), default="")
    password_hash: Mapped[str] = mapped_column(String(255))
    is_active: Mapped[bool] = mapped_column(default=True)  # False: paused
    # account and key of the display name (store.wire_format.people); None: it is no full name of a person
    person: Mapped[str | None] = mapped_column(String(40), index=True)


class AliasRow(Base):
    """Another name of a mailbox; its id is that of its address.

    The foreign key to the mailbox does not cascade: it would leave the alias's address behind. The service removes
    both in one transaction.
    """

    __tablename__ = "aliases"

    id: Mapped[int] = mapped_column(
        ForeignKey("addresses.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailboxes.id"), index=True)
    can_receive: Mapped[bool] = mapped_column(default=True)
    can_send: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    note: Mapped[str | None] = mapped_column(String(500))
    expires_at: Mapped[datetime | None]
    expires_after: Mapped[int | None]  # messages accepted, ever
    expires_when_idle: Mapped[int | None]  # days
    idle_since: Mapped[datetime | None]  # when ``expires_when_idle`` was set last
    off_at: Mapped[int | None] = mapped_column(BigInteger)  # seconds since 1970: what comes first of the three
    senders: Mapped[str | None] = mapped_column(Text)  # who may write to it (store.wire_format.sender_rules)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class KeptNameRow(Base):
    """A deleted name that its account keeps from other mailboxes; its id is that of its address.

    Nothing else of what was deleted is here. Until when it is kept follows from what its account chose: as many days
    from ``deleted_at`` on.
    """

    __tablename__ = "kept_names"

    id: Mapped[int] = mapped_column(
        ForeignKey("addresses.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # which mailbox may have it again; None: that is deleted, or it was a mailbox's own name
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailboxes.id", ondelete="SET NULL"), index=True)
    deleted_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class CatchAllRow(Base):
    """Where mail for unknown names of a domain goes."""

    __tablename__ = "catch_alls"

    domain_id: Mapped[int] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailboxes.id"), index=True)
    enabled: Mapped[bool] = mapped_column(default=True)


class RandomAliasDomainRow(Base):
    """At which of its domains an account wants aliases with names of chance; without a row, at the mailbox's own."""

    __tablename__ = "random_alias_domains"

    account_id: Mapped[int] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    domain_id: Mapped[int] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"), index=True)


class SystemMailboxRow(Base):
    """Where mail for postmaster, abuse and the like of a domain goes, when the owner chose a mailbox."""

    __tablename__ = "system_mailboxes"

    domain_id: Mapped[int] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailboxes.id"), index=True)
