"""Until when an alias lives: what its owner sets, and the one moment that follows from it (docs/aliases.md).

What comes first of a date, a number of mails and a time without any is folded into ``aliases.off_at``, by which
decisions go. Never early: a date with a fraction of a second ends with its second; days without mail are counted from
the end of the day of the last one, with an hour more for a count that is on its way. So that moment moves once a day
at most.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select, update

from store.batches import batches
from store.clock import utc_now
from store.errors import ServiceError
from store.services import audit
from store.services.fields import check_moment
from store.sql import changed_fields
from store.sql.tables import AddressRow, AliasRow, AliasTotalRow, DomainRow
from store.sql.tenant import Transaction

FIELDS: Final = ("expires_at", "expires_after", "expires_when_idle")
MOST_MAILS: Final = 1_000_000
MOST_DAYS: Final = 3650
_BOUNDS: Final = {"expires_after": (MOST_MAILS, "mails"), "expires_when_idle": (MOST_DAYS, "days")}
_DAY: Final = 86_400  # seconds
_SLACK: Final = 3600  # seconds
_AT_ONCE: Final = 500  # ids in one statement


def check(given: Mapping[str, Any], accepted: int = 0, *, allow_past: bool = False) -> None:
    """Refuse what would be no end, or one that lies behind.

    Args:
        given: those of :data:`FIELDS` that are to be set anew; None lifts one.
        accepted: how many mails the alias has taken.
        allow_past: as for an alias from a file, which may have ended there.

    Raises:
        ServiceError: ``invalid-request`` with the field.
    """
    moment = given.get("expires_at")
    check_moment("expires_at", moment)
    if moment is not None and moment <= utc_now() and not allow_past:
        raise _refused("expires_at", "the alias would have expired already; give a moment to come")
    for field, (most, what) in _BOUNDS.items():
        if given.get(field) is not None and not 1 <= given[field] <= most:
            raise _refused(field, f"must be from 1 to {most} {what}")
    mails = given.get("expires_after")
    if mails is not None and mails <= accepted and not allow_past:
        raise _refused("expires_after", f"the alias has taken {accepted} mails already; give a higher number")


def new(given: Mapping[str, Any], alias: object) -> dict[str, Any]:
    """Return those of the given ends that differ from what ``alias``, a row or a view, has."""
    return {field: given[field] for field in FIELDS if field in given and given[field] != getattr(alias, field)}


def accepted(tx: Transaction, alias_id: int) -> int:
    """Return how many mails an alias has taken, as far as they are counted."""
    return tx.scalar(select(AliasTotalRow.accepted).where(AliasTotalRow.alias_id == alias_id)) or 0


def ends_at(off_at: int | None) -> datetime | None:
    """Return the moment in ``aliases.off_at`` as people read it."""
    return None if off_at is None else datetime.fromtimestamp(off_at, UTC)


def is_expired(off_at: int | None) -> bool:
    """Return whether an alias is off by now."""
    return off_at is not None and utc_now().timestamp() >= off_at


@dataclass(frozen=True, slots=True)
class _Limited:
    """An alias with what its end follows from."""

    id: int
    local: str
    domain: str
    account_id: int
    expires_at: datetime | None
    expires_after: int | None
    expires_when_idle: int | None
    idle_since: datetime | None
    off_at: int | None
    accepted: int
    last_mail_at: datetime | None

    def end(self, now: datetime) -> int | None:
        """Return the moment in whole seconds since 1970 from which on it is off; None: nothing ends it so far."""
        return min(filter(None, (self._by_date(), self._by_count(now), self._by_idleness())), default=None)

    def _by_date(self) -> int | None:
        return None if self.expires_at is None else max(1, ceil(self.expires_at.timestamp()))

    def _by_count(self, now: datetime) -> int | None:
        if self.expires_after is None or self.accepted < self.expires_after:
            return None
        seconds = int(now.timestamp())
        return self.off_at if self.off_at is not None and self.off_at <= seconds else seconds

    def _by_idleness(self) -> int | None:
        if self.expires_when_idle is None or self.idle_since is None:
            return None
        since = max(self.idle_since, self.last_mail_at or self.idle_since)
        return (int(since.timestamp()) // _DAY + 1 + self.expires_when_idle) * _DAY + _SLACK


def fold(tx: Transaction, ids: Collection[int], *, idle_anew: Collection[int] = ()) -> None:
    """Write down from when on aliases are off, after what that follows from was set.

    Args:
        tx: the transaction, in which the cache learns of the aliases anyway.
        ids: of the aliases.
        idle_anew: those of them whose days without mail begin now.
    """
    now = utc_now()
    for some in batches(sorted(idle_anew), _AT_ONCE):
        _set(tx, some, idle_since=now)
    for some in batches(sorted(ids), _AT_ONCE):
        _write(tx, _found(tx, AliasRow.id.in_(some)), now)


def fold_counted(tx: Transaction, ids: Collection[int]) -> None:
    """Do so for aliases to which mail came, where mail matters to their end, and tell the cache what has changed."""
    now = utc_now()
    by_mail = or_(AliasRow.expires_after.is_not(None), AliasRow.expires_when_idle.is_not(None))
    for some in batches(sorted(ids), _AT_ONCE):
        for alias in _write(tx, _found(tx, AliasRow.id.in_(some) & by_mail), now):
            changed_fields.name(tx, alias.domain, alias.local)
            if alias.expires_after is not None and alias.accepted >= alias.expires_after:
                address = f"{alias.local}@{alias.domain}"
                audit.note(tx, "alias.expire", "alias", alias.id, address, None, None, account_id=alias.account_id)


def ends_of(tx: Transaction, ids: Collection[int]) -> Iterator[tuple[int, int | None]]:
    """Return each alias's id, and from when on it is off."""
    for some in batches(sorted(ids), _AT_ONCE):
        for row in tx.execute(select(AliasRow.id, AliasRow.off_at).where(AliasRow.id.in_(some))):
            yield row[0], row[1]


def _found(tx: Transaction, which: ColumnElement[bool]) -> list[_Limited]:
    columns = (AliasRow.id, AddressRow.local_part, DomainRow.name, DomainRow.account_id)
    limits = (AliasRow.expires_at, AliasRow.expires_after, AliasRow.expires_when_idle, AliasRow.idle_since)
    counts = (AliasRow.off_at, func.coalesce(AliasTotalRow.accepted, 0), AliasTotalRow.last_mail_at)
    query = (
        select(*columns, *limits, *counts)
        .join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .outerjoin(AliasTotalRow, AliasTotalRow.alias_id == AliasRow.id)
        .where(which)
        .order_by(AliasRow.id)
    )
    return [_Limited(*row) for row in tx.execute(query)]


def _write(tx: Transaction, aliases: Iterable[_Limited], now: datetime) -> list[_Limited]:
    """Write the ends of aliases; return those of them whose end is another now."""
    ends: defaultdict[int | None, list[int]] = defaultdict(list)
    changed = []
    for alias in aliases:
        end = alias.end(now)
        if end != alias.off_at:
            ends[end].append(alias.id)
            changed.append(alias)
    for end, ids in ends.items():
        _set(tx, ids, off_at=end)
    return changed


def _set(tx: Transaction, ids: Collection[int], **values: object) -> None:
    """Set columns; that is no change by a person, so ``updated_at`` stays."""
    change = update(AliasRow).where(AliasRow.id.in_(ids)).values(updated_at=AliasRow.updated_at, **values)
    tx.execute(change, execution_options={"synchronize_session": False})
    tx.execute(select(AliasRow).where(AliasRow.id.in_(ids)), execution_options={"populate_existing": True}).all()


def _refused(field: str, why: str) -> ServiceError:
    return ServiceError("invalid-request", why, field=field)
