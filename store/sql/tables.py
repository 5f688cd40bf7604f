"""The tables. The migrations build exactly these; a test and ``byname db check`` compare the two.

Every mailbox and alias has its row in ``addresses``: its unique key is what makes a name belong to one of them only.
Ids are never given out twice, so an id in a log or a client's memory cannot come to mean something else.
"""

import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
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
QUEUED, RUNNING, DONE = "queued", "running", "done"

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


class TokenRow(Base):
    """A secret by which a program acts. What is kept is its SHA-256, not the secret."""

    __tablename__ = "tokens"
    __table_args__: Any = (
        CheckConstraint("kind IN ('account', 'message', 'operator')", name="kind"),
        _NEVER_REUSE_IDS,
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


class AuditRow(Base):
    """A change: who made it, and what was there before and after. Outlives what it speaks of, so it points at nothing.

    No column ever holds a secret, a password or a hash of one.
    """

    __tablename__ = "audit_log"
    __table_args__: Any = (Index(None, "object_type", "object_id"), _NEVER_REUSE_IDS)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    account_id: Mapped[int | None] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(200))
    token_id: Mapped[int | None]
    request_id: Mapped[str | None] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(40))
    object_type: Mapped[str] = mapped_column(String(20))
    object_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(320), index=True)  # address, domain, account
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class IdempotencyKeyRow(Base):
    """A request that a client may repeat, with what the first one was answered. Kept for a day."""

    __tablename__ = "idempotency_keys"
    __table_args__: Any = (UniqueConstraint("token_id", "key"), _NEVER_REUSE_IDS)

    id: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]  # None: an import that has not come to its end
    body: Mapped[str | None] = mapped_column(Text)
    lines_done: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


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
    __table_args__: Any = (_NEVER_REUSE_IDS,)

    id: Mapped[int] = mapped_column(primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailboxes.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]


class DomainProofRow(Base):
    """A domain's proof by DNS: the token to publish, and what became of it (store.dns.proof)."""

    __tablename__ = "domain_proofs"

    domain_id: Mapped[int] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    token: Mapped[str] = mapped_column(String(32), default=lambda: secrets.token_hex(16))
    seen_at: Mapped[datetime | None]  # None: the token was never seen
    missing_since: Mapped[datetime | None]
    missing_times: Mapped[int] = mapped_column(default=0)
    missing_last_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    parked_at: Mapped[datetime | None]  # the token was seen, but another account has the name proved
    last_checked_at: Mapped[datetime | None] = mapped_column(index=True)


class DnsCheckRow(Base):
    """A check of a domain's records: asked for, under way, done."""

    __tablename__ = "dns_checks"
    __table_args__: Any = (
        CheckConstraint("status IN ('queued', 'running', 'done')", name="status"),
        Index(None, "domain_id", "id"),
        _NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    domain_id: Mapped[int] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(8), default=QUEUED)
    requested_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
