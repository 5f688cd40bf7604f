"""A relay that is killed in the middle of its work, as rows. The simulation does the same at every single step."""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from byname.sandbox.waiting import wait_until
from store.wire_format import layout
from tests.faults.cache_faults import LEASE
from tests.faults.fault import RIGHT, Fault
from tests.faults.timeline import Timeline
from tests.faults.world import World

_DEATHS = 8
_PAUSE = 20_000  # milliseconds, ended earlier


@contextmanager
def _killed_anywhere(world: World, _timeline: Timeline) -> Iterator[None]:
    """Kill it at random moments, before every second start with a cache to rebuild."""
    dice = random.Random(11)
    for round_ in range(_DEATHS):
        world.kill("relay")
        if round_ % 2:
            world.cache.flushall()
        world.site.start_daemon("relay")
        begun = world.site.daemons["relay"].log().count("started")
        wait_until(lambda begun=begun: world.site.daemons["relay"].log().count("started") > begun, 20, "a relay")  # type: ignore[misc]
        time.sleep(dice.uniform(0.0, 0.3))
    world.kill("relay")
    yield
    world.start("relay")


@contextmanager
def _killed_before_the_cache(world: World, _timeline: Timeline) -> Iterator[None]:
    """Kill it once a change is committed, and before Redis has it."""
    world.wait_until_in_step()
    world.cache.client_pause(_PAUSE, all=False)
    try:
        wait_until(world.unapplied, 10, "a change on its way")
        time.sleep(0.1)  # until the relay asks Redis to apply it
        world.kill("relay")
    finally:
        world.cache.client_unpause()
    assert world.unapplied()
    yield
    world.start("relay")


@contextmanager
def _killed_before_the_mark(world: World, _timeline: Timeline) -> Iterator[None]:
    """Kill it once Redis has a change, and before the outbox says so."""
    world.wait_until_in_step()
    world.cache.client_pause(_PAUSE, all=False)
    with closing(sqlite3.connect(world.site.database, timeout=20, isolation_level=None)) as blocker:
        try:
            wait_until(world.unapplied, 10, "a change on its way")
            blocker.execute("BEGIN IMMEDIATE")  # from now on nobody writes to the store
            before = world.cache.dump(layout.STATE_KEY)
        finally:
            world.cache.client_unpause()
        wait_until(lambda: world.cache.dump(layout.STATE_KEY) != before, 10, "a change in the cache")
        world.kill("relay")
        assert world.unapplied()
        blocker.execute("ROLLBACK")
    yield
    world.start("relay")


RELAYED = (
    Fault(
        "relay-crashes",
        f"byname relay: kill -9 {_DEATHS} times, anywhere",
        RIGHT,
        _killed_anywhere,
        0.0,
        long=0.0,
        settles=LEASE,
        is_short=False,
    ),
    Fault(
        "relay-before-cache",
        "byname relay: kill -9 after the commit, before the cache",
        RIGHT,
        _killed_before_the_cache,
        0.0,
        settles=LEASE,
        is_short=False,
    ),
    Fault(
        "relay-before-mark",
        "byname relay: kill -9 after the cache, before the outbox's mark",
        RIGHT,
        _killed_before_the_mark,
        0.0,
        settles=LEASE,
        is_short=False,
    ),
)
