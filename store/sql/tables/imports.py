"""Files of aliases that people upload, with what became of their lines so far."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import utc_now
from store.sql.tables.base import NEVER_REUSE_IDS, Base

# What is done with a file, in this order.
CHECKING, CHECKED, APPLYING, APPLIED = "checking", "checked", "applying", "done"


class ImportRow(Base):
    """An import: its file, how far it has come, and what became of the lines. Kept for a day."""

    __tablename__ = "imports"
    __table_args__: Any = (
        CheckConstraint("state IN ('checking', 'checked', 'applying', 'done')", name="state"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    started_by: Mapped[str] = mapped_column(String(400))  # in words
    source: Mapped[str] = mapped_column(String(16))  # what the file is
    body: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # None once all of it is applied
    state: Mapped[str] = mapped_column(String(8))
    lines: Mapped[int]  # of the file
    lines_done: Mapped[int] = mapped_column(default=0)  # checked or applied, as the state says
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    shown: Mapped[str] = mapped_column(Text, default="")  # what became of some lines: JSON, a line each
    version: Mapped[int | None] = mapped_column(BigInteger)  # of the last change
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    busy_until: Mapped[datetime | None]  # someone is at it, unless that moment is over
