"""What came through aliases: mails of each day, the last one, who wrote; and which counts were merged already."""

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from store.clock import utc_now
from store.sql.tables.base import Base

ACCEPTED_MAIL = ""  # in the place of the rule that refused a mail


class AliasDayRow(Base):
    """How many mails to an alias were accepted on a day in UTC, or refused by a rule."""

    __tablename__ = "alias_days"

    alias_id: Mapped[int] = mapped_column(
        ForeignKey("aliases.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    day: Mapped[date] = mapped_column(primary_key=True, index=True)
    rule: Mapped[str] = mapped_column(String(40), primary_key=True)  # ACCEPTED_MAIL, or a rule of routing.recipient
    mails: Mapped[int]


class AliasTotalRow(Base):
    """How many mails to an alias were ever accepted, and when the last one was. None for an alias without mail."""

    __tablename__ = "alias_totals"

    alias_id: Mapped[int] = mapped_column(
        ForeignKey("aliases.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    accepted: Mapped[int] = mapped_column(BigInteger)
    last_mail_at: Mapped[datetime | None]  # accepted; None: all were refused


class AliasSenderRow(Base):
    """Who wrote to an alias of an account that has this remembered: an envelope sender."""

    __tablename__ = "alias_senders"
    alias_id: Mapped[int] = mapped_column(
        ForeignKey("aliases.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    sender: Mapped[str] = mapped_column(String(320), primary_key=True)  # canonical
    accepted: Mapped[int]
    refused: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column(index=True)


class CountBatchRow(Base):
    """A batch of counts that was merged: whoever hands it on again, by mistake or after a failure, counts nothing."""

    __tablename__ = "count_batches"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    merged_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
