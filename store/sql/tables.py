"""The tables. The migrations build exactly these; a test and ``byname db check`` compare the two.

Every mailbox and alias has its row in ``addresses``: its unique key is what makes a name belong to one of them only.
Ids are never given out twice, so an id in a log or a client's memory cannot come to mean something else.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from store.clock import utc_now

MAILBOX, ALIAS = "mailbox", "alias"

# For mail servers that ask the database themselves; made by migration 0002, which says what they hold.
VIEWS = ("byname_mailboxes", "byname_userdb")

# Names of constraints must not depend on the database, or migrations could not drop them by name.
_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
_NEVER_REUSE_IDS = {"sqlite_autoincrement": True}  # PostgreSQL's sequences never go back
_PROVED = text("verified_at IS NOT NULL")
_UNAPPLIED = text("applied_at IS NULL")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite, which knows no time zones, stores the bare UTC time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a naive time: nobody could say which zone it is in."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return what was stored, in UTC, whatever zone the connection has."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables of the store."""

    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map = {datetime: UtcDateTime}  # noqa: RUF012 - SQLAlchemy's own spelling


class AccountRow(Base):
    """A customer: who owns domains and pays for a plan."""

    __tablename__ = "accounts"
    __table_args__: Any = (
        CheckConstraint("plan IN ('nano', 'starter', 'pro', 'agency')", name="plan"),
        _NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    plan: Mapped[str] = mapped_column(String(16))
    is_trial: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)  # False: suspended
    first_payment_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class DomainRow(Base):
    """A domain as one account sees it. Several accounts may have one name pending, only one can have it proved."""

    __tablename__ = "domains"
    __table_args__: Any = (
        UniqueConstraint("account_id", "name"),
        Index("uq_domains_proved_name", "name", unique=True, sqlite_where=_PROVED, postgresql_where=_PROVED),
        _NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str] = mapped_column(String(253))  # A-labels
    verified_at: Mapped[datetime | None]  # set once; None: pending
    is_active: Mapped[bool] = mapped_column(default=True)  # False: switched off
    proof_lapsed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class AddressRow(Base):
    """One name in a proved domain, of a mailbox or an alias."""

    __tablename__ = "addresses"
    __table_args__: Any = (
        UniqueConstraint("domain_id", "local_part"),
        CheckConstraint("kind IN ('mailbox', 'alias')", name="kind"),
        Index(None, "domain_id", "kind", "id"),  # finds the oldest mailbox of a domain
        _NEVER_REUSE_IDS,
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
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class CatchAllRow(Base):
    """Where mail for unknown names of a domain goes."""

    __tablename__ = "catch_alls"

    domain_id: Mapped[int] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailboxes.id"), index=True)
    enabled: Mapped[bool] = mapped_column(default=True)


class SystemMailboxRow(Base):
    """Where mail for postmaster, abuse and the like of a domain goes, when the owner chose a mailbox."""

    __tablename__ = "system_mailboxes"

    domain_id: Mapped[int] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailboxes.id"), index=True)


class ClockRow(Base):
    """The one row that counts the changes which matter to decisions. Its lock puts them in the order of their commits.

    There is no row before the first such change.
    """

    __tablename__ = "clock"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1
    version: Mapped[int] = mapped_column(BigInteger)
    nonce: Mapped[str] = mapped_column(String(16))  # of that version
    epoch: Mapped[str] = mapped_column(String(16))  # new for a database that was found to be restored


class OutboxRow(Base):
    """A field of the cache as a change left it, to be brought there by the relay (store.sql.outbox).

    A restored database counts on from an older version; then the nonce of a version is another than the cache knows.
    """

    __tablename__ = "outbox"
    __table_args__: Any = (
        Index("ix_outbox_unapplied", "version", "id", sqlite_where=_UNAPPLIED, postgresql_where=_UNAPPLIED),
        _NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, index=True)
    nonce: Mapped[str] = mapped_column(String(16))
    domain: Mapped[str] = mapped_column(String(253))
    field: Mapped[str] = mapped_column(Text)  # "": the domain's place in the list of hosted domains
    value: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    applied_at: Mapped[datetime | None]
    counter: Mapped[int | None] = mapped_column(BigInteger, index=True)  # what the cache had counted by then
