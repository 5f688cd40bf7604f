"""PostgreSQL as the store, as rows: away, stopped dead, locked, restarted, restored. In front of it stands a cache."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from store.wire_format import layout
from tests.faults.cache_faults import LEASE, SOON
from tests.faults.cached_site_faults import command_restored, upgraded
from tests.faults.fault import GRACE, LATER, MOMENT, RIGHT, Fault, nothing
from tests.faults.names import FIRST
from tests.faults.timeline import Timeline
from tests.faults.world import World


@contextmanager
def _away(world: World, timeline: Timeline) -> Iterator[None]:
    with timeline.still():  # a change whose fate nobody knows could not be judged
        world.postgres.stop(signal.SIGQUIT)
    world.cache.delete(layout.LEASE_KEY)
    yield
    world.postgres.start()
    world.wait_for_lease()


@contextmanager
def _frozen(world: World, timeline: Timeline) -> Iterator[None]:
    with timeline.still():
        world.postgres.freeze()
    world.cache.delete(layout.LEASE_KEY)
    yield
    world.postgres.thaw()


@contextmanager
def _locked(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.postgres.connected("byname") as connection:
        connection.execute("LOCK TABLE addresses, domains, mailboxes, aliases, outbox IN ACCESS EXCLUSIVE MODE")
        world.cache.delete(layout.LEASE_KEY)
        yield
        connection.rollback()


@contextmanager
def _restarted(world: World, timeline: Timeline) -> Iterator[None]:
    with timeline.still():
        world.postgres.stop()
        world.postgres.start()
    yield


@contextmanager
def _alone(world: World, _timeline: Timeline) -> Iterator[None]:
    world.site.redis.kill()
    yield
    world.site.redis.start()
    world.wait_for_lease()


@contextmanager
def _alone_and_restarted(world: World, timeline: Timeline) -> Iterator[None]:
    with _alone(world, timeline), _restarted(world, timeline):
        yield


@contextmanager
def _both_frozen(world: World, timeline: Timeline) -> Iterator[None]:
    with timeline.still():
        world.postgres.freeze()
    world.site.redis.freeze()
    yield
    world.site.redis.thaw()
    world.postgres.thaw()


@contextmanager
def _restored(world: World, timeline: Timeline) -> Iterator[None]:
    """Dropped, made anew, and filled from an older copy, which was right a moment ago."""
    with timeline.still():
        copy = world.postgres.dump("byname")
        old = {name: timeline.now(name) for name in FIRST}
    yield
    with timeline.still():
        begun = time.time()
        world.postgres.restore("byname", copy)
        world.site.admin("db", "check")
        for name, outcome in old.items():
            timeline.note(name, outcome, begun)


ON_POSTGRESQL = (
    Fault("pg-none", "PostgreSQL: nothing", RIGHT, nothing, 0.0, settles=1.5, is_short=False),
    Fault("pg-away", "PostgreSQL: stopped at once, then started", GRACE, _away, 5.0, settles=LEASE, is_short=False),
    Fault("pg-frozen", "PostgreSQL: SIGSTOP of all its processes", GRACE, _frozen, 5.0, settles=LEASE),
    Fault(
        "pg-locked",
        "PostgreSQL: its tables under an ACCESS EXCLUSIVE lock",
        GRACE,
        _locked,
        5.0,
        settles=LEASE,
        is_short=False,
    ),
    Fault("pg-restarted", "PostgreSQL: restarted", RIGHT, _restarted, 0.0, settles=LEASE, is_short=False),
    Fault("pg-alone", "Redis killed: PostgreSQL answers alone", RIGHT, _alone, 0.0, settles=LEASE, is_short=False),
    Fault(
        "pg-alone-restarted",
        "Redis killed, PostgreSQL restarted",
        LATER,
        _alone_and_restarted,
        5.0,
        settles=LEASE,
        is_short=False,
    ),
    Fault("pg-both-frozen", "PostgreSQL and Redis: SIGSTOP", LATER, _both_frozen, 10.0, settles=LEASE, is_short=False),
    Fault(
        "pg-restored",
        "PostgreSQL: dropped, restored from an older dump",
        GRACE,
        _restored,
        5.0,
        settles=LEASE,
        is_short=False,
    ),
    Fault("pg-upgraded", "byname db upgrade, PostgreSQL: newer tables", RIGHT, upgraded, 0.0, settles=SOON),
    Fault("pg-byname-restore", "byname restore, PostgreSQL", MOMENT, command_restored, 5.0, settles=SOON),
)
