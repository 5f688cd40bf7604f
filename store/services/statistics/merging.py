"""Counts of the mail processes, merged into SQL: each batch once, whoever brings it and however often.

A name that is no alias (any more) is passed over: it may have been deleted while its count was on its way.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select

from routing.address import AddressSyntaxError, parse_path
from store.clock import utc_now
from store.services.expiry import fold_counted
from store.sql import add_counts
from store.sql.tables import ACCEPTED_MAIL, AccountRow, AddressRow, AliasRow, AliasSenderRow, AliasTotalRow, DomainRow
from store.sql.tenant import Transaction
from store.wire_format.counts import LONGEST_SENDER, Batch, NameCount, SenderCount

MOST_SENDERS = 1000  # that are remembered for one alias

_EPOCH = date(1970, 1, 1)
Name = tuple[str, str]  # local part and domain


@dataclass(frozen=True, slots=True)
class Counted:
    """An alias to which mail was accepted, as a batch has left it."""

    alias_id: int
    address: Name
    added: int  # mails of this batch
    accepted: int  # mails ever
    last_mail_at: datetime  # the last one of this batch


@dataclass(frozen=True, slots=True)
class _Known:
    """An alias of a batch."""

    id: int
    remembers: bool  # its account has senders remembered


@dataclass(frozen=True, slots=True)
class _Written:
    """What a sender wrote to an alias, as a row of ``alias_senders``."""

    alias_id: int
    sender: str
    accepted: int
    refused: int
    first_at: datetime
    last_at: datetime

    def plus(self, other: "_Written") -> "_Written":
        """Return both together: a sender may write his own address in several ways."""
        first, last = min(self.first_at, other.first_at), max(self.last_at, other.last_at)
        sums = (self.accepted + other.accepted, self.refused + other.refused)
        return _Written(self.alias_id, self.sender, *sums, first, last)


def merge(tx: Transaction, batch: Batch) -> list[Counted]:
    """Merge a batch; return the aliases that got mail, none if this batch was merged before.

    The transaction is an operator's. An alias that ends after so many mails, or without any, has its end moved too.
    """
    if not add_counts.note_batch(tx, batch.id):
        return []
    written = {(each.local, each.domain) for each in batch.counts}
    found = _aliases(tx, written | {(each.local, each.domain) for each in batch.senders})
    now = utc_now()
    counted = _merge_counts(tx, found, batch.counts, now)
    fold_counted(tx, [each.alias_id for each in counted])
    _merge_senders(tx, found, batch.senders, now)
    return counted


def _aliases(tx: Transaction, names: Collection[Name]) -> dict[Name, _Known]:
    """Return those of the names that are aliases, locked against deletion until the end of the transaction."""
    if not names:
        return {}
    wanted = (
        select(AddressRow.local_part, DomainRow.name, AliasRow.id, AccountRow.remember_senders_days)
        .join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(AccountRow, AccountRow.id == DomainRow.account_id)
        .where(DomainRow.name.in_({domain for _, domain in names}), DomainRow.verified_at.is_not(None))
        .where(AddressRow.local_part.in_({local for local, _ in names}))
        .order_by(AliasRow.id)
        .with_for_update(read=True, key_share=True, of=AliasRow)
    )
    rows = tx.execute(wanted)
    return {(local, home): _Known(id_, days > 0) for local, home, id_, days in rows if (local, home) in names}


def _merge_counts(
    tx: Transaction, found: Mapping[Name, _Known], counts: Iterable[NameCount], now: datetime
) -> list[Counted]:
    days: dict[tuple[int, date, str], int] = defaultdict(int)
    accepted: dict[int, int] = {}
    last: dict[int, datetime] = {}
    names: dict[int, Name] = {}
    for count in counts:
        name = (count.local, count.domain)
        if (alias := found.get(name)) is None:
            continue
        names[alias.id] = name
        days[alias.id, _day(count.day, now), count.rule] += count.mails
        accepted.setdefault(alias.id, 0)
        if count.rule == ACCEPTED_MAIL:
            accepted[alias.id] += count.mails
            last[alias.id] = max(_moment(count.last, now), last.get(alias.id, _moment(0, now)))
    if not days:
        return []
    add_counts.add_to_days(
        tx, [{"alias_id": id_, "day": day, "rule": rule, "mails": n} for (id_, day, rule), n in days.items()]
    )
    add_counts.add_to_totals(
        tx, [{"alias_id": id_, "accepted": n, "last_mail_at": last.get(id_)} for id_, n in accepted.items()]
    )
    totals = select(AliasTotalRow.alias_id, AliasTotalRow.accepted).where(AliasTotalRow.alias_id.in_(list(last)))
    return [
        Counted(id_, names[id_], accepted[id_], total, last[id_])
        for id_, total in tx.execute(totals.order_by(AliasTotalRow.alias_id))
    ]


def _merge_senders(
    tx: Transaction, found: Mapping[Name, _Known], senders: Iterable[SenderCount], now: datetime
) -> None:
    rows: dict[tuple[int, str], _Written] = {}
    for each in senders:
        alias = found.get((each.local, each.domain))
        sender = _sender(each.path) if alias is not None and alias.remembers else None
        if alias is None or sender is None:
            continue
        at, before = _moment(each.last, now), rows.get((alias.id, sender))
        row = _Written(alias.id, sender, each.accepted, each.refused, at, at)
        rows[alias.id, sender] = row if before is None else before.plus(row)
    kept = _with_room(tx, rows)
    if kept:
        add_counts.add_to_senders(tx, [asdict(row) for row in kept])


def _with_room(tx: Transaction, rows: Mapping[tuple[int, str], _Written]) -> list[_Written]:
    """Leave out senders that are new to an alias which has as many as are remembered."""
    if not rows:
        return []
    ids, senders = {id_ for id_, _ in rows}, {sender for _, sender in rows}
    counts = select(AliasSenderRow.alias_id, func.count()).where(AliasSenderRow.alias_id.in_(ids))
    room = {id_: MOST_SENDERS - n for id_, n in tx.execute(counts.group_by(AliasSenderRow.alias_id)).all()}
    asked = select(AliasSenderRow.alias_id, AliasSenderRow.sender).where(AliasSenderRow.alias_id.in_(ids))
    known = {(id_, sender) for id_, sender in tx.execute(asked.where(AliasSenderRow.sender.in_(senders)))}
    kept = []
    for key, row in rows.items():
        if key not in known:
            room[key[0]] = room.get(key[0], MOST_SENDERS) - 1
        if key in known or room[key[0]] >= 0:
            kept.append(row)
    return kept


def _sender(path: str) -> str | None:
    """Return an envelope sender in its canonical form; None for bounces and for what is no address."""
    try:
        address = parse_path(path)
    except AddressSyntaxError:
        return None
    text = "" if address is None else str(address)
    return text if 0 < len(text) <= LONGEST_SENDER and text.isprintable() else None


def _day(days: int, now: datetime) -> date:
    """Return a day, today for one that a wrong clock has put into the future."""
    today = now.date()
    return min(_EPOCH + timedelta(days=min(days, today.toordinal())), today)


def _moment(seconds: float, now: datetime) -> datetime:
    """Return a moment, now for one in the future."""
    return min(datetime.fromtimestamp(min(seconds, now.timestamp()), UTC), now)
