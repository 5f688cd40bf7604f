"""The relay's source: the outbox, the clock, and a snapshot of all of SQL."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.batches import batches
from store.clock import utc_now
from store.sql.database import Database
from store.sql.outbox import Clock, new_nonce, read_clock
from store.sql.snapshot import Snapshot
from store.sql.tables import ClockRow, OutboxRow

_IDS = 500  # in one statement
_MARKS = 8  # that a look must see: each relay that looked before one of them was made adds three at most, see steps.py
_KEPT = timedelta(days=1)  # for how long applied rows stay: what the cache may hold must be known here


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the outbox: the value of a domain's field; field "" is its place in the list of hosted domains."""

    id: int
    nonce: str
    domain: str
    field: str
    value: str
    created_at: datetime | None = None  # when it was written; None for what is no row


@dataclass(frozen=True, slots=True)
class Pending:
    """The result of one read of the outbox."""

    clock: Clock
    changes: list[Change]  # not applied yet, oldest first
    is_all: bool  # False: there may be more of them
    marks: tuple[int, ...]  # what the cache had counted when rows were applied: the highest counts
    nonce: str | None  # of the version that the cache has seen last; None: there never was one here

    @property
    def stored(self) -> int:
        """The highest count that a row was marked with."""
        return max(self.marks, default=0)


class Source(Protocol):
    """The interface to SQL, as the relay sees it. Every method may raise StoreUnavailable or StoreNotReady."""

    def pending(self, limit: int, seen: int) -> Pending:
        """Return at most ``limit`` changes that are not applied, in one read, and the nonce of the version ``seen``."""
        ...

    def mark(self, changes: Sequence[Change], counter: int, seen: Clock) -> None:
        """Note that the changes are applied, and what the cache had counted then; not if SQL was restored.

        That is so when it does not know ``seen``, what the clock showed when changes were read, or in another epoch.
        """
        ...

    def advance(self, beyond: int) -> Clock:
        """Begin a new epoch with a version greater than ``beyond`` and return the clock: what it was is no longer."""
        ...

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Return all of SQL at one moment."""
        ...

    def prune(self, below: int) -> None:
        """Forget changes that were applied long ago, older than the version ``below``."""
        ...


def _pending() -> Select[*tuple[Any, ...]]:
    """Return what asks for all that a step needs at once: no row without a clock, at least one with it."""
    row = (OutboxRow.id, OutboxRow.nonce, OutboxRow.domain, OutboxRow.field, OutboxRow.value, OutboxRow.created_at)
    waiting = select(OutboxRow.version, *row).where(OutboxRow.applied_at.is_(None))
    waiting = waiting.order_by(OutboxRow.version, OutboxRow.id).limit(bindparam("limit", type_=Integer))
    found = waiting.subquery("waiting")
    nonce = select(OutboxRow.nonce).where(OutboxRow.version == bindparam("seen", type_=BigInteger)).limit(1)
    marks = _marks().scalar_subquery()
    columns = [found.c[column.key] for column in row]
    query = select(ClockRow.version, ClockRow.nonce, ClockRow.epoch, marks, nonce.scalar_subquery(), *columns)
    return query.select_from(ClockRow).outerjoin(found, true()).order_by(found.c.version, found.c.id)


def _marks() -> Select[str]:
    """Return what asks for the highest counts, each once, in one text."""
    highest = select(OutboxRow.counter).where(OutboxRow.counter.is_not(None)).distinct()
    found = highest.order_by(OutboxRow.counter.desc()).limit(_MARKS).subquery("marks")
    return select(func.aggregate_strings(cast(found.c.counter, Text), " "))


_PENDING = _pending()


class SqlSource:
    """The source in a real database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, limit: int, seen: int) -> Pending:
        """See :class:`Source`."""
        with self._database.alone() as connection:
            rows = connection.execute(_PENDING, {"limit": limit, "seen": seen}).all()
        if not rows:
            self._start()
            return self.pending(limit, seen)
        *clock, marks, nonce = rows[0][:5]
        changes = [Change(*row[5:]) for row in rows if row[5] is not None]
        return Pending(Clock(*clock), changes, len(changes) < limit, tuple(map(int, (marks or "").split())), nonce)

    def mark(self, changes: Sequence[Change], counter: int, seen: Clock) -> None:
        """See :class:`Source`. The nonces, for after a restore an id may be another row's."""
        known = select(OutboxRow.id).where(OutboxRow.version == seen.version, OutboxRow.nonce == seen.nonce)
        is_same = and_(ClockRow.version == seen.version, ClockRow.nonce == seen.nonce)
        goes_on = select(ClockRow.id).where(ClockRow.epoch == seen.epoch, or_(is_same, known.exists()))
        for batch in batches(sorted((change.id, change.nonce) for change in changes), _IDS):
            ids, nonces = zip(*batch, strict=True)
            these = update(OutboxRow).where(OutboxRow.id.in_(ids), OutboxRow.nonce.in_(set(nonces)))
            these = these.where(OutboxRow.applied_at.is_(None), goes_on.exists())
            with self._database.alone(writes=True) as connection:
                connection.execute(these.values(applied_at=utc_now(), counter=counter))

    def advance(self, beyond: int) -> Clock:
        """See :class:`Source`."""
        nonce, epoch = new_nonce(), new_nonce()
        highest = case((ClockRow.version > beyond, ClockRow.version), else_=beyond)
        change = update(ClockRow).values(version=highest + 1, nonce=nonce, epoch=epoch).returning(ClockRow.version)
        with self._database.write() as tx:
            now = Clock(tx.scalars(change, execution_options=_BARE).one(), nonce, epoch)
            _note(tx, now)
        return now

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See :class:`Source`."""
        with self._database.read() as tx:
            clock = read_clock(tx)
            if clock is not None:
                with closing(Snapshot(tx, clock)) as snapshot:
                    yield snapshot
                return
        self._start()
        with self.snapshot() as snapshot:
            yield snapshot

    def prune(self, below: int) -> None:
        """See :class:`Source`."""
        old = (OutboxRow.version < below, OutboxRow.applied_at < utc_now() - _KEPT)
        with self._database.read() as tx:
            ids = list(tx.scalars(select(OutboxRow.id).where(*old).limit(_IDS)))
        if ids:
            with self._database.write() as tx:
                tx.execute(delete(OutboxRow).where(OutboxRow.id.in_(ids)), execution_options=_BARE)

    def _start(self) -> None:
        """Set the clock going where nothing was changed yet."""
        with self._database.write() as tx:
            first = Clock(1, new_nonce(), new_nonce())
            try:
                with tx.begin_nested():
                    tx.add(ClockRow(id=1, version=first.version, nonce=first.nonce, epoch=first.epoch))
            except IntegrityError:  # somebody was faster
                return
            _note(tx, first)


_BARE = {"synchronize_session": False}


def _note(tx: Session, clock: Clock) -> None:
    """Leave a row for a version that no change made, so that its nonce can be looked up."""
    marker = {"version": clock.version, "nonce": clock.nonce, "domain": "", "field": "", "value": ""}
    tx.execute(insert(OutboxRow).values(**marker, applied_at=utc_now()))
