"""What came through aliases, read: beside each alias of a list, by day for one, and who wrote."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Row, case, func, select

from store.batches import batches
from store.clock import utc_now
from store.errors import ServiceError
from store.services import lookup
from store.services.lookup import Ref
from store.services.paging import Page, page_of
from store.services.views import Alias
from store.sql.tables import (
    ACCEPTED_MAIL,
    AccountRow,
    AddressRow,
    AliasDayRow,
    AliasSenderRow,
    AliasTotalRow,
    DomainRow,
)
from store.sql.tenant import Transaction

MOST_DAYS = 90
_RECENT = 30  # days, today counted
_AT_ONCE = 500  # aliases in one statement


@dataclass(frozen=True, slots=True)
class Day:
    """The mails of one day in UTC."""

    day: date
    accepted: int
    refused: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """The mails to one alias."""

    alias_id: int
    address: str
    days: list[Day]  # every day, the oldest first, the last one today
    accepted: int  # on these days
    refused: int
    refused_by_rule: dict[str, int]
    last_mail_at: datetime | None  # accepted, ever


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote to an alias, while that is remembered."""

    sender: str  # of the envelope
    accepted: int
    refused: int
    first_at: datetime
    last_at: datetime


def with_activity(tx: Transaction, found: Sequence[Alias]) -> list[Alias]:
    """Return aliases with their last mail and the mails of the last 30 days."""
    by_id: dict[int, tuple[datetime | None, int, int]] = {}
    for some in batches((alias.id for alias in found), _AT_ONCE):
        by_id |= _activity(tx, some)
    return [_filled(alias, *by_id.get(alias.id, (None, 0, 0))) for alias in found]


def statistics(tx: Transaction, ref: Ref, *, mailbox: Ref | None = None, days: int = _RECENT) -> Statistics:
    """Return the mails to an alias on the last days, today counted.

    Raises:
        ServiceError: ``not-found``, also for an alias of another mailbox than ``mailbox``; ``invalid-request``.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ServiceError("invalid-request", f"days must be from 1 to {MOST_DAYS}", field="days")
    alias = _alias(tx, ref, mailbox)
    today = utc_now().date()
    wanted = select(AliasDayRow.day, AliasDayRow.rule, AliasDayRow.mails)
    first = today - timedelta(days=days - 1)
    rows = tx.execute(wanted.where(AliasDayRow.alias_id == alias.alias.id, AliasDayRow.day >= first)).all()
    by_rule: dict[str, int] = {}
    for _, rule, mails in rows:
        by_rule[rule] = by_rule.get(rule, 0) + mails
    accepted = by_rule.pop(ACCEPTED_MAIL, 0)
    return Statistics(
        alias.alias.id,
        f"{alias.address.local_part}@{alias.domain.name}",
        [_day(first + timedelta(days=number), rows) for number in range(days)],
        accepted,
        sum(by_rule.values()),
        dict(sorted(by_rule.items())),
        tx.scalar(select(AliasTotalRow.last_mail_at).where(AliasTotalRow.alias_id == alias.alias.id)),
    )


def senders(
    tx: Transaction, ref: Ref, *, mailbox: Ref | None = None, page: int = 1, per_page: int = 25
) -> Page[Sender]:
    """Return who wrote to an alias, the latest first, as far back as its account has it remembered.

    Raises:
        ServiceError: as :func:`statistics`.
    """
    alias = _alias(tx, ref, mailbox)
    since = utc_now() - timedelta(days=remembered_days(tx, alias.alias.id))
    wanted = select(AliasSenderRow).where(AliasSenderRow.alias_id == alias.alias.id, AliasSenderRow.last_at >= since)
    return page_of(tx, wanted.order_by(AliasSenderRow.last_at.desc(), AliasSenderRow.sender), _sender, page, per_page)


def remembered_days(tx: Transaction, alias_id: int) -> int:
    """Return for how many days the account of an alias has senders remembered; 0: not at all."""
    wanted = select(AccountRow.remember_senders_days).join(DomainRow, DomainRow.account_id == AccountRow.id)
    return (
        tx.scalar(wanted.join(AddressRow, AddressRow.domain_id == DomainRow.id).where(AddressRow.id == alias_id)) or 0
    )


def _alias(tx: Transaction, ref: Ref, mailbox: Ref | None) -> lookup.FoundAlias:
    owner = None if mailbox is None else lookup.mailbox(tx, mailbox).mailbox.id
    return lookup.alias(tx, ref, mailbox_id=owner, lock=False)


def _activity(tx: Transaction, ids: list[int]) -> dict[int, tuple[datetime | None, int, int]]:
    since = utc_now().date() - timedelta(days=_RECENT - 1)
    is_recent = (AliasDayRow.alias_id == AliasTotalRow.alias_id) & (AliasDayRow.day >= since)
    is_accepted = AliasDayRow.rule == ACCEPTED_MAIL
    accepted = func.coalesce(func.sum(case((is_accepted, AliasDayRow.mails), else_=0)), 0)
    every = func.coalesce(func.sum(AliasDayRow.mails), 0)
    wanted = (
        select(AliasTotalRow.alias_id, AliasTotalRow.last_mail_at, accepted, every)
        .outerjoin(AliasDayRow, is_recent)
        .where(AliasTotalRow.alias_id.in_(ids))
        .group_by(AliasTotalRow.alias_id, AliasTotalRow.last_mail_at)
    )
    return {id_: (last, taken, total - taken) for id_, last, taken, total in tx.execute(wanted)}


def _filled(alias: Alias, last_mail_at: datetime | None, mails: int, refused: int) -> Alias:
    return replace(alias, last_mail_at=last_mail_at, mails_30d=mails, refused_30d=refused)


def _day(day: date, rows: Sequence[Row[date, str, int]]) -> Day:
    accepted = sum(mails for on, rule, mails in rows if on == day and rule == ACCEPTED_MAIL)
    return Day(day, accepted, sum(mails for on, _, mails in rows if on == day) - accepted)


def _sender(row: Row[AliasSenderRow]) -> Sender:
    found = row[0]
    return Sender(found.sender, found.accepted, found.refused, found.first_at, found.last_at)
