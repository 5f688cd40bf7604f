"""What changes leave behind: the clock and the outbox for the cache, the audit log for people."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import utc_now
from store.sql.tables.base import NEVER_REUSE_IDS, Base

_UNAPPLIED = text("applied_at IS NULL")


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
        NEVER_REUSE_IDS,
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


class MapFileRow(Base):
    """A file of hosted domains that a ``byname maps`` keeps for its Postfix, and the last change that it holds.

    A row without an epoch holds nothing yet. It stays when the daemon ends: Postfix goes on reading the file.
    """

    __tablename__ = "map_files"

    name: Mapped[str] = mapped_column(String(400), primary_key=True)  # host:path
    version: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[str] = mapped_column(String(16))
    domains: Mapped[int]
    problem: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)


class AuditRow(Base):
    """A change: who made it, and what was there before and after. Outlives what it speaks of, so it points at nothing.

    No column ever holds a secret, a password or a hash of one.
    """

    __tablename__ = "audit_log"
    __table_args__: Any = (Index(None, "object_type", "object_id"), NEVER_REUSE_IDS)

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
