"""Filter rules of mailboxes, and how far the script that is written from them has come."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import utc_now
from store.sql.tables.base import NEVER_REUSE_IDS, Base

_FORWARDING = text("forwards")

# How far a script has come; docs/filters.md has the steps between.
OFF, PENDING, INSTALLED, SCRIPT_REFUSED, FOREIGN = "off", "pending", "installed", "refused", "foreign"


class FilterRuleRow(Base):
    """A rule of a mailbox. Their order is that of ``position``, then of the ids."""

    __tablename__ = "filter_rules"
    __table_args__: Any = (
        CheckConstraint("match_type IN ('all', 'any')", name="match_type"),
        Index(None, "mailbox_id", "position"),
        Index("ix_filter_rules_forwards", "mailbox_id", postgresql_where=_FORWARDING, sqlite_where=_FORWARDING),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailboxes.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(100))
    match_type: Mapped[str] = mapped_column(String(3))
    conditions: Mapped[str] = mapped_column(Text)  # JSON: [{field, operator, value, header_name}]
    actions: Mapped[str] = mapped_column(Text)  # JSON: [{type, value}]
    forwards: Mapped[bool] = mapped_column(default=False)  # by one of its actions, as few rules do
    stop: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class FilterScriptRow(Base):
    """The script of a mailbox: what is wanted, and what the mail store has. It is the outbox of the changes of rules.

    A change of the rules counts ``wanted_version`` up and makes the row pending and due, in its own transaction.
    """

    __tablename__ = "filter_scripts"
    __table_args__: Any = (
        CheckConstraint("state IN ('off', 'pending', 'installed', 'refused', 'foreign')", name="state"),
    )

    mailbox_id: Mapped[int] = mapped_column(
        ForeignKey("mailboxes.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    wanted_version: Mapped[int] = mapped_column(default=1)
    installed_version: Mapped[int] = mapped_column(default=0)  # 0: nothing of ours is installed
    enabled: Mapped[bool] = mapped_column(default=True)  # False: given back, our script is not to run
    take_over: Mapped[bool] = mapped_column(default=False)  # the next installation may replace what it finds active
    state: Mapped[str] = mapped_column(String(10), default=PENDING)
    code: Mapped[str | None] = mapped_column(String(32))  # why it is not installed; docs/filters.md has them all
    reason: Mapped[str | None] = mapped_column(Text)  # the same in words; the server's line where it said one
    installed_hash: Mapped[str | None] = mapped_column(String(64))  # SHA-256 of what we installed, hexadecimal
    own_script: Mapped[str | None] = mapped_column(String(512))  # the user's own, included after the rules
    attempts: Mapped[int] = mapped_column(default=0)  # that failed since the last change
    holds: Mapped[int] = mapped_column(default=0)  # of workers, counted: one who comes late is told by it
    held_until: Mapped[datetime | None]  # a worker has it in hand
    due_at: Mapped[datetime | None] = mapped_column(default=utc_now, index=True)  # None: nothing is to be done
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)  # of the rules
    installed_at: Mapped[datetime | None]
