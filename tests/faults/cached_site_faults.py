"""The faults of a site with a cache, as rows: the relay, the store behind the cache, several things at once."""

import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from sqlalchemy import Connection, text

from store.migrations import migrate
from store.sql.backend import backend
from store.sql.revisions import REVISIONS
from store.wire_format import layout
from tests.faults.cache_faults import LEASE, OF_REDIS, SOON
from tests.faults.fault import GRACE, LATER, RIGHT, Fault
from tests.faults.faults import mailbox_deleted
from tests.faults.names import FIRST
from tests.faults.timeline import Timeline
from tests.faults.world import World


@contextmanager
def _relay_killed(world: World, _timeline: Timeline) -> Iterator[None]:
    world.kill("relay")
    yield
    world.start("relay")


@contextmanager
def _relay_frozen(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.stopped("relay"):
        yield


@contextmanager
def _relay_doubled(world: World, _timeline: Timeline) -> Iterator[None]:
    first = world.site.daemons["relay"]
    world.site.start_daemon("relay")
    yield
    world.site.daemons["relay"].stop()
    world.site.daemons["relay"] = first
    first.send(signal.SIGCONT)  # harmless; it fails if the first one has died


@contextmanager
def _store_broken(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.stopped("relay"), world.broken_store():
        world.cache.delete(layout.LEASE_KEY)
        yield


@contextmanager
def _store_unreadable(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.unreadable_store():
        world.cache.delete(layout.LEASE_KEY)
        yield


@contextmanager
def _both_down(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.broken_store():
        world.site.redis.kill()
        yield
        world.site.redis.start()
    world.wait_for_lease()


@contextmanager
def _several(world: World, _timeline: Timeline) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(world.stopped("relay", "lmtp"))
        world.cache.flushall()
        world.kill("inbound")
        yield
    world.start("inbound")


@contextmanager
def _restored(world: World, timeline: Timeline) -> Iterator[None]:
    """The copy is made first, so that what it brings back was right a moment ago."""
    copy = world.site.folder / "older.db"
    with timeline.still():
        world.copy_store(copy)
        old = {name: timeline.now(name) for name in FIRST}
    yield
    with timeline.still():
        begun = time.time()
        world.restore_store(copy)
        for name, outcome in old.items():
            timeline.note(name, outcome, begun)


@contextmanager
def command_restored(world: World, timeline: Timeline) -> Iterator[None]:
    """As :func:`_restored`, by the commands an operator has; with every daemon running."""
    copy = world.site.folder / "backup.tar"
    with timeline.still():
        world.site.admin("backup", str(copy))
        old = {name: timeline.now(name) for name in FIRST}
    yield
    with timeline.still():
        begun = time.time()
        world.site.admin("restore", str(copy), "--replace")
        for name, outcome in old.items():
            timeline.note(name, outcome, begun)


# What a next version might add: the daemons of this one are then those of the release before.
_ADDED = (
    "ALTER TABLE aliases ADD COLUMN next_thing VARCHAR(40)",
    "ALTER TABLE mailboxes ADD COLUMN next_number INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX ix_next ON mailboxes (next_number)",
    "CREATE TABLE next_things (id INTEGER PRIMARY KEY, alias_id INTEGER REFERENCES aliases (id) ON DELETE CASCADE)",
    "UPDATE alembic_version SET version_num = '9999'",
)
_TAKEN_AWAY = (
    f"UPDATE alembic_version SET version_num = '{REVISIONS[-1]}'",
    "DROP TABLE next_things",
    "DROP INDEX ix_next",
    "ALTER TABLE mailboxes DROP COLUMN next_number",
    "ALTER TABLE aliases DROP COLUMN next_thing",
)


@contextmanager
def upgraded(world: World, timeline: Timeline) -> Iterator[None]:
    """The tables of a next version come while mail flows and names change, and go on with all daemons of this one."""
    place = backend(world.url)
    migrate.patiently(place, partial(run_statements, _ADDED))
    yield
    with timeline.still():
        migrate.patiently(place, partial(run_statements, _TAKEN_AWAY))


def run_statements(statements: Iterable[str], connection: Connection) -> None:
    """Run statements on a connection."""
    for statement in statements:
        connection.execute(text(statement))


OF_THE_REST = (
    Fault("relay-killed", "byname relay: kill -9, then started", RIGHT, _relay_killed, 0.0, settles=LEASE),
    Fault("relay-frozen", "byname relay: SIGSTOP", RIGHT, _relay_frozen, 0.0, 7.0, 10.0, LEASE, is_short=False),
    Fault("relay-doubled", "byname relay: two", RIGHT, _relay_doubled, 0.0, settles=SOON, is_short=False),
    Fault("store-away", "SQLite broken and no relay", GRACE, _store_broken, 5.0, settles=LEASE, is_short=False),
    Fault("store-hangs", "SQLite locked for readers", GRACE, _store_unreadable, 5.0, settles=LEASE),
    Fault("both-down", "SQLite broken and Redis killed", LATER, _both_down, 10.0, settles=LEASE),
    Fault(
        "several",
        "FLUSHALL, milter killed, edge and relay frozen",
        LATER,
        _several,
        10.0,
        settles=LEASE,
        is_short=False,
    ),
    Fault(
        "cached-mailbox-deleted",
        "a mailbox deleted in the middle of mail to it",
        RIGHT,
        mailbox_deleted,
        0.0,
        settles=SOON,
        is_short=False,
    ),
    Fault("restored", "SQLite: restored from an older copy", RIGHT, _restored, 0.0, settles=LEASE, is_short=False),
    Fault("upgraded", "byname db upgrade, SQLite: newer tables", RIGHT, upgraded, 0.0, settles=SOON, is_short=False),
    Fault("byname-restore", "byname restore, SQLite", RIGHT, command_restored, 0.0, settles=SOON),
)

CACHED = (*OF_REDIS, *OF_THE_REST)
