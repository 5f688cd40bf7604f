"""A disk without room, as rows: the store's file and what Redis writes lie on a small one of their own."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from byname.sandbox.waiting import wait_until
from store.errors import StoreUnavailable
from store.services import aliases
from store.sql.database import Database
from tests.faults.cache_faults import LEASE
from tests.faults.fault import RIGHT, Fault
from tests.faults.timeline import Timeline
from tests.faults.world import World
from tests.mail.world import JOHN


@contextmanager
def _full(world: World, timeline: Timeline) -> Iterator[None]:
    ballast = world.site.database.with_name("ballast")
    with timeline.still():
        with closing(sqlite3.connect(world.site.database, timeout=20)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # room in an old journal is room too
        _fill_up(ballast)
        with pytest.raises(StoreUnavailable, match="the disk of the database is full"):
            _change(world)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def _full_for_both(world: World, timeline: Timeline) -> Iterator[None]:
    """Redis writes snapshots there, and takes no writes once one has failed (stop-writes-on-bgsave-error)."""
    with _full(world, timeline):
        world.cache.config_set("save", "1 1")
        world.cache.bgsave()
        wait_until(lambda: world.site.redis.say("SET", "x", "x").startswith("-MISCONF"), 20, "-MISCONF")
        yield
        world.cache.config_set("save", "")
    world.cache.delete("x")


def _fill_up(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while file.write(b"x" * 4096):
            pass


def _change(world: World) -> None:
    with closing(Database.open(world.url)) as database, database.write() as tx:
        aliases.add(tx, "one-more@brand-a.test", JOHN)


ON_A_SMALL_DISK = (
    Fault("store-disk", "SQLite: no room on its disk", RIGHT, _full, 0.0, settles=LEASE, is_short=False),
    Fault(
        "both-disks",
        "SQLite and Redis with snapshots: no room on their disk",
        RIGHT,
        _full_for_both,
        0.0,
        6.0,
        7.0,
        LEASE,
        is_short=False,
    ),
)
