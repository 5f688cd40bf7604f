"""How a domain is proved by DNS, and the checks of its records."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import utc_now
from store.sql.tables.base import NEVER_REUSE_IDS, Base

QUEUED, RUNNING, DONE = "queued", "running", "done"


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
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    domain_id: Mapped[int] = mapped_column(ForeignKey("domains.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(8), default=QUEUED)
    requested_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
