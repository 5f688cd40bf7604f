"""The relay bench: what ``byname relay`` does at 2,000 changes a second over 50,000 domains.

A process switches aliases, one of each pair of domains after the other, twenty in a transaction, as bulk calls do; each
leaves a row in the outbox, and so does each name of a mailbox or a domain that is switched. ``change_cpu`` is what the
relay takes of the processors for each, ``change_redis_cpu`` what Redis takes. The lag is that between two moments which
stand in the outbox: written, and marked as applied. ``most`` is how many a second the relay applies when it was held
while they gathered. ``idle`` is what it takes with nothing to do: it looks four times a second, and every ten
seconds for domains that lack their hash. A ``turn`` is how long a change keeps the next one waiting: from the moment
when it has the row of the clock to the end of its commit, one alias in a transaction, one writer; of many the fastest
tenth, for the others waited for what else the machine had to do.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from bench.load.cpu import Stopwatch
from bench.load.filling import fill
from bench.load.flipping import AT_ONCE, flip, flipping, spread_out
from bench.load.site import BenchSite, Store, process_of
from bench.report.figures import Figure, Goal, Scale, milliseconds
from bench.report.percentiles import percentile
from byname.sandbox.waiting import wait_until
from store.sql import prepared
from store.sql.tables import OutboxRow

_STORES: tuple[Store, ...] = ("sqlite", "postgresql")
_PER_PAIR, _BOXES = 8, 2  # aliases and mailboxes of a pair of domains
_PER_SECOND = 2000.0
_PATIENCE = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class _Relay:
    """A relay at work over so many aliases."""

    site: BenchSite
    aliases: int
    process: int
    watch: Stopwatch

    def cpu_us(self, work: Callable[[], int]) -> tuple[int, float, float]:
        """Do some work; return how many changes it was, and CPU microseconds of relay and Redis for each."""
        self.watch.restart()
        count = work()
        took = self.watch.seconds()
        return count, 1e6 * took["relay"] / count, 1e6 * took["redis"] / count


def measure(scale: Scale) -> list[Figure]:
    """Return CPU time of a change, how late it is, and how many the relay can do, for each store."""
    domains, seconds = scale.of(short=200, usual=50_000), scale.of(short=1, usual=10)
    figures = [Figure("relay.domains", domains, "")]
    for store in _STORES[:1] if scale.short else _STORES:
        with BenchSite(store) as site:
            aliases = domains // 2 * _PER_PAIR
            fill(site.database, aliases, _PER_PAIR, _BOXES)
            before = site.redis_bytes()
            relay = _started(site, aliases)
            names = aliases + domains // 2 * _BOXES
            figures.append(Figure(f"relay.{store}_bytes_per_name", (site.redis_bytes() - before) / names, "B"))
            figures += _idle(relay, store, seconds)
            figures += _paced(relay, store, seconds)
            figures += _most(relay, store, scale.of(short=200, usual=20_000))
            figures.append(_turn(relay, store, scale.of(short=20, usual=300)))
    return figures


def _started(site: BenchSite, aliases: int) -> _Relay:
    process = process_of(site.start_relay())
    os.sync()  # else what was filled in would be written while the relay is measured
    return _Relay(site, aliases, process, Stopwatch({"relay": process, "redis": site.redis_process()}))


def _idle(relay: _Relay, store: Store, seconds: int) -> Iterator[Figure]:
    relay.watch.restart()
    begun = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begun
    for part, cpu in relay.watch.seconds().items():
        yield Figure(f"relay.{store}_idle_{part}_cpu_ms_per_s", 1000 * cpu / took, "ms")


def _paced(relay: _Relay, store: Store, seconds: int) -> Iterator[Figure]:
    first, begun = _latest(relay.site), time.monotonic()

    def work() -> int:
        with flipping(relay.site.url, relay.aliases, _PER_PAIR, per_second=_PER_SECOND) as done:
            time.sleep(seconds)
        _wait_for_all(relay.site)
        return int(done.text)

    count, relay_us, redis_us = relay.cpu_us(work)
    yield Figure(f"relay.{store}_changes_per_s", count / (time.monotonic() - begun), "1/s")
    yield Figure(f"relay.{store}_change_cpu_us", relay_us, "us")
    yield Figure(f"relay.{store}_change_redis_cpu_us", redis_us, "us")
    lags = _lags(relay.site, first)
    yield milliseconds(f"relay.{store}_lag_p50", 0.5, lags)
    yield milliseconds(f"relay.{store}_lag_p99", 0.99, lags, Goal(1000))


def _most(relay: _Relay, store: Store, count: int) -> Iterator[Figure]:
    """Hold the relay, let changes gather, and let it go on."""
    os.kill(relay.process, signal.SIGSTOP)
    try:
        for start in range(0, count, AT_ONCE):
            flip(relay.site.database, spread_out(range(start, start + AT_ONCE), relay.aliases, _PER_PAIR), _PER_PAIR)
    finally:
        os.kill(relay.process, signal.SIGCONT)
    begun = time.monotonic()
    _wait_for_all(relay.site)
    yield Figure(f"relay.{store}_most_per_s", count / (time.monotonic() - begun), "1/s", Goal(2000, at_least=True))


def _turn(relay: _Relay, store: Store, count: int) -> Figure:
    turns = list[float]()
    with _clock_watched(turns):
        for number in range(count):
            flip(relay.site.database, [number], _PER_PAIR)
    return Figure(f"relay.{store}_turn_us", 1e6 * percentile(turns, 0.1), "us")


@contextmanager
def _clock_watched(turns: list[float]) -> Iterator[None]:
    """Note for each transaction of this process the seconds from its tick of the clock to its end."""
    ticked = list[float]()

    def executed(_: object, statement: str) -> None:
        if statement.startswith("UPDATE clock"):
            ticked[:] = [time.perf_counter()]

    def committed(_: object) -> None:
        turns.extend(time.perf_counter() - begun for begun in ticked)
        ticked.clear()

    prepared.watchers.append(executed)
    event.listen(Session, "after_commit", committed)
    try:
        yield
    finally:
        prepared.watchers.remove(executed)
        event.remove(Session, "after_commit", committed)


def _latest(site: BenchSite) -> int:
    with site.database.read() as tx:
        return tx.scalars(select(func.max(OutboxRow.version))).one() or 0


def _wait_for_all(site: BenchSite) -> None:
    def is_empty() -> bool:
        with site.database.read() as tx:
            return tx.scalars(select(OutboxRow.id).where(OutboxRow.applied_at.is_(None)).limit(1)).first() is None

    wait_until(is_empty, _PATIENCE, "the relay to apply all changes")


def _lags(site: BenchSite, beyond: int) -> Sequence[float]:
    """Return seconds from the writing of each later row to its mark, in order."""
    with site.database.read() as tx:
        rows = tx.execute(
            select(OutboxRow.created_at, OutboxRow.applied_at)
            .where(OutboxRow.version > beyond, OutboxRow.applied_at.is_not(None))
            .order_by(OutboxRow.id)
        )
        return [(applied - written).total_seconds() for written, applied in rows if applied is not None]
