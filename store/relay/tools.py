"""Tools behind ``byname cache``: rebuild the cache, compare it with SQL, show its state."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import func, select

from store.cache.connection import open_pool
from store.clock import utc_now
from store.relay.rebuild import Progress, audit, rebuild
from store.relay.redis_target import RedisTarget
from store.relay.report import Difference
from store.relay.source import SqlSource
from store.sql.database import Database
from store.sql.outbox import read_clock
from store.sql.tables import OutboxRow

_TIMEOUT = 10.0  # seconds for an answer of Redis
_PASSES = 4  # a difference counts that was there in all of them, for changes are always on their way
_PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class CacheState:
    """The state of the cache. Times are in seconds."""

    built: bool
    lease: float | None  # None: there is none, and SQL is asked
    grace: float | None
    sender_grace: float | None
    policy: str  # maxmemory-policy; must be noeviction
    run_id: str
    memory: int  # bytes
    hosted: int  # domains
    version: int  # the last change that the cache has seen
    store_version: int  # the last one that there was
    waiting: int  # outbox rows that are not applied
    oldest_waiting: float | None  # age of the oldest


class CacheTools:
    """The cache at one URL beside its database."""

    def __init__(self, database: Database, url: str) -> None:
        self._database = database
        self._source = SqlSource(database)
        self._target = RedisTarget(open_pool(url, timeout=_TIMEOUT, connections=4))

    def rebuild(self, first: Callable[[], None] | None = None) -> Iterator[Progress]:
        """Bring everything from SQL to Redis. There is no lease until its end, and then a relay must give it.

        ``first`` replaces the database beforehand (store.relay.rebuild).

        Raises:
            BuiltElsewhere, StoreUnavailable, StoreNotReady, CacheUnavailable.
        """
        yield from rebuild(self._source, self._target, counts=True, first=first)

    def differences(self) -> Iterator[Progress | list[Difference]]:
        """Compare all of Redis with all of SQL; progress first, and last the differences that stay.

        Raises:
            StoreUnavailable, StoreNotReady, CacheUnavailable.
        """
        left: dict[tuple[str, str], Difference] | None = None
        for number in range(_PASSES):
            report = None
            for progress in audit(self._source, self._target, repairs=False):
                report = progress.report
                yield progress
            found = {(one.domain, one.field): one for one in (report.differences if report else [])}
            left = found if left is None else {key: one for key, one in found.items() if key in left}
            if not left:
                break
            if number < _PASSES - 1:
                time.sleep(_PAUSE)
        yield list((left or {}).values())

    def state(self) -> CacheState:
        """Return how things stand.

        Raises:
            StoreUnavailable, StoreNotReady, CacheUnavailable.
        """
        state, stats = self._target.state(), self._target.stats()
        with self._database.read() as tx:
            clock = read_clock(tx)
            waiting = select(func.count(), func.min(OutboxRow.created_at)).where(OutboxRow.applied_at.is_(None))
            count, oldest = tx.execute(waiting).one()
        return CacheState(
            built=state.is_built and state.built_run == state.run_id,
            lease=stats.lease,
            grace=stats.grace,
            sender_grace=stats.sender_grace,
            policy=state.policy,
            run_id=state.run_id,
            memory=stats.memory,
            hosted=stats.hosted,
            version=state.version,
            store_version=clock.version if clock else 0,
            waiting=count,
            oldest_waiting=None if oldest is None else round((utc_now() - oldest).total_seconds(), 3),
        )

    def clock(self) -> float:
        """Return Redis's clock, in seconds since 1970. Raises CacheUnavailable."""
        return self._target.state().now_ms / 1000

    def close(self) -> None:
        """Close the connections to Redis."""
        self._target.close()


@contextmanager
def tools(database: Database, url: str) -> Iterator[CacheTools]:
    """Open the tools for the length of a block. Raises StoreNotReady for a URL that is none."""
    opened = CacheTools(database, url)
    try:
        yield opened
    finally:
        opened.close()
