"""A database in memory: the site, its clock, its outbox; backups of it, and what it said when."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from routing.records import HostedDomain
from store.errors import StoreUnavailable
from store.relay.source import Change, Pending
from store.sql.outbox import Clock
from store.sql.snapshot import Part, Snapshot
from store.wire_format.values import GONE, stamped
from tests.faults.sim_redis import Time
from tests.faults.sim_site import LISTING, Fields, Site, changed, fields, first_site

_PAGE = 6  # outbox rows in one read, so that there are several
_MARKS = 8


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the outbox."""

    change: Change
    version: int
    is_applied: bool = False
    counter: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """What was so from a time on."""

    since_ms: int
    records: dict[str, HostedDomain]
    fields: Fields


@dataclass(slots=True)
class Contents:
    """What a backup holds."""

    site: Site
    clock: Clock
    rows: dict[int, Row] = field(default_factory=dict)
    free_ids: list[int] = field(default_factory=lambda: [1, 2, 3])  # taken by transactions under way


@dataclass(frozen=True, slots=True)
class Read:
    """Which database a relay read: its clock, and how often it had been restored."""

    clock: Clock
    restored: int


class Sql:
    """The database."""

    def __init__(self, time: Time, rng: random.Random) -> None:
        self.time, self.rng = time, rng
        self.is_up = True
        self.was_read = False  # the outbox, with something in it
        site = first_site()
        self.now = Contents(site, Clock(1, self._random_text(), self._random_text()))
        self._note(Row(Change(0, self.now.clock.nonce, "", "", ""), 1, is_applied=True))
        self.moments: list[Moment] = []
        self.restored = 0  # how often
        self.live: dict[tuple[str, str], int] = {}  # by field the last moment that was reported live for it
        self.is_lost: Callable[[Change], bool] = lambda _: False  # by a failover before it was marked
        self._restored_to: Clock | None = None
        self._moment_of: dict[str, int] = {}
        self._remember()

    def _random_text(self) -> str:
        return f"{self.rng.getrandbits(64):x}"

    def _remember(self) -> None:
        records = self.now.site.records()
        found = {name: body for domain in records.values() for name, body in fields(domain).items()}
        self.moments.append(Moment(self.time.now_ms, records, found))
        self._moment_of[self.now.clock.nonce] = len(self.moments) - 1

    def _note(self, row: Row) -> None:
        """Put a row in. Its id may come before that of an older one, and ids are left out."""
        ids = self.now.free_ids
        number = ids.pop(self.rng.randrange(len(ids)))
        ids.append(max([number, *ids]) + self.rng.choice((1, 1, 1, 2)))
        self.now.rows[number] = replace(row, change=replace(row.change, id=number))

    def commit(self) -> None:
        """Change something."""
        before = self.moments[-1].fields
        clock = self.now.clock
        self.now.site = changed(self.now.site, self.rng)
        self.now.clock = clock = Clock(clock.version + 1, self._random_text(), clock.epoch)
        self._remember()
        for (domain, name), body in sorted(_differences(before, self.moments[-1].fields).items()):
            self._note(Row(Change(0, clock.nonce, domain, name, stamped(clock.version, body)), clock.version))

    def backup(self) -> Contents:
        """Return a copy of everything."""
        now = self.now
        return Contents(now.site, now.clock, dict(now.rows), list(now.free_ids))

    def restore(self, backup: Contents) -> None:
        """Become what ``backup`` says."""
        self.now = Contents(backup.site, backup.clock, dict(backup.rows), list(backup.free_ids))
        self.restored += 1
        self._restored_to = backup.clock
        self.live = {}
        self._remember()

    def mark(self, changes: Sequence[Change], counter: int, seen: Clock, read: "Read") -> None:
        """Note rows as applied, and that this was reported.

        A restore to the very state that was read cannot be told from none. Its mark is taken, and reports as live what
        had been so before: until a relay looks again (docs/reliability.md).
        """
        clock = self.now.clock
        is_known = any((row.version, row.change.nonce) == (seen.version, seen.nonce) for row in self.now.rows.values())
        if clock != seen and (clock.epoch != seen.epoch or not is_known):
            return
        is_alike = read.restored != self.restored and read.clock == self._restored_to
        for change in changes:
            row = self.now.rows.get(change.id)
            if row is None or row.is_applied or row.change.nonce != change.nonce:
                continue
            self.now.rows[change.id] = replace(row, is_applied=True, counter=counter)
            if not self.is_lost(row.change) and not is_alike:
                key, moment = (row.change.domain, row.change.field), self._moment_of[row.change.nonce]
                self.live[key] = max(self.live.get(key, 0), moment)

    def advance(self, beyond: int) -> Clock:
        """Begin a new epoch."""
        version = max(self.now.clock.version, beyond) + 1
        self.now.clock = Clock(version, self._random_text(), self._random_text())
        self._moment_of[self.now.clock.nonce] = len(self.moments) - 1
        self._note(Row(Change(0, self.now.clock.nonce, "", "", ""), version, is_applied=True))
        return self.now.clock

    def window(self, age_ms: int) -> range:
        """Return the moments that were so at some time not longer ago than ``age_ms``."""
        first = len(self.moments) - 1
        while first > 0 and self.moments[first].since_ms >= self.time.now_ms - age_ms:
            first -= 1
        return range(first, len(self.moments))


def _differences(before: Fields, after: Fields) -> Fields:
    """Return the rows of a change, as the real outbox has them: a domain that goes leaves one row."""
    found = {key: body for key, body in after.items() if before.get(key) != body}
    for domain, name in before.keys() - after.keys():
        if name == LISTING or (domain, LISTING) in after:
            found[domain, name] = GONE
    return found


class MemorySnapshot(Snapshot):
    """One state of it."""

    def __init__(self, records: dict[str, HostedDomain], clock: Clock, *, in_parts: bool) -> None:
        self._records, self.clock, self._in_parts = records, clock, in_parts

    def count(self) -> int:
        return sum(len(domain.names) for domain in self._records.values())

    def parts(self, *, gently: bool = False) -> Iterator[Part]:
        for name in self._records:
            yield from self.domain(name)

    def domain(self, name: str) -> Iterator[Part]:
        domain = self._records.get(name)
        if domain is None:
            return
        names = {k.encode(): v.encode() for (_, k), v in fields(domain).items() if k and not k.startswith("@")}
        pages = [dict([pair]) for pair in names.items()] if self._in_parts and names else [names]
        for number, page in enumerate(pages):
            yield Part(replace(domain, names={}), page, is_first=not number, is_last=number == len(pages) - 1)


class MemorySource:
    """The relay's source over it. ``before_step`` is called before every step that others can see."""

    def __init__(self, sql: Sql, before_step: Callable[[], None]) -> None:
        self.sql = sql
        self._before_step = before_step
        self._read = Read(sql.now.clock, sql.restored)

    def pending(self, limit: int, seen: int) -> Pending:
        self._reach()
        now = self.sql.now
        self._read = Read(now.clock, self.sql.restored)
        waiting = [row for row in now.rows.values() if not row.is_applied]
        waiting.sort(key=lambda row: (row.version, row.change.id))
        self.sql.was_read = bool(waiting)
        page = [row.change for row in waiting[: min(limit, _PAGE)]]
        marks = sorted({row.counter for row in now.rows.values() if row.counter}, reverse=True)[:_MARKS]
        nonces = [row.change.nonce for row in now.rows.values() if row.version == seen]
        return Pending(now.clock, page, len(page) == len(waiting), tuple(marks), nonces[0] if nonces else None)

    def mark(self, changes: Sequence[Change], counter: int, seen: Clock) -> None:
        self._reach()
        self.sql.mark(changes, counter, seen, self._read)

    def advance(self, beyond: int) -> Clock:
        self._reach()
        return self.sql.advance(beyond)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        self._reach()
        moment = self.sql.moments[-1]
        yield MemorySnapshot(moment.records, self.sql.now.clock, in_parts=self.sql.rng.random() < 0.4)

    def prune(self, below: int) -> None:
        self._reach()

    def _reach(self) -> None:
        self._before_step()
        if not self.sql.is_up:
            raise StoreUnavailable("the database does not answer")
