"""The faults, as rows: what is done, what a client may see, how soon all is right again.

A row's function is the fault's beginning and, after its ``yield``, its end. docs/reliability.md shows the same rows.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass

from tests.faults.timeline import Timeline
from tests.faults.world import World
from tests.mail.dialogue import Dialogue

RIGHT = "the right answers, as ever"
GRACE = "known names and permitted senders as ever, 451 for the rest"
LATER = "451, and the right answers after the end"

Inject = Callable[[World, Timeline], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row."""

    name: str
    does: str
    sees: str  # what a client sees while it lasts
    inject: Inject
    recovers: float  # seconds after its end within which nothing is put off any more
    seconds: float = 2.0  # how long it lasts in the short form; longer in ``make faults``
    long: float = 3.0
    settles: float = 0.0  # seconds within which a change is live at the latest
    is_short: bool = True  # part of the short form


@contextmanager
def _milter_killed(world: World, _timeline: Timeline) -> Iterator[None]:
    world.kill("inbound", "submission")
    yield
    world.start("inbound", "submission")


@contextmanager
def _milter_killed_at_each_stage(world: World, _timeline: Timeline) -> Iterator[None]:
    for stage in range(4):
        with Dialogue(world.site.postfix.inbound_port) as smtp:
            said = ["MAIL FROM:<a@outside.example>", "RCPT TO:<sales@brand-b.test>", "DATA", "Subject: x\r\n\r\nx\r\n."]
            replies = [smtp.say(command) for command in said[:stage]]
            world.kill("inbound")
            last = smtp.say(said[stage])
            assert [reply[:1] for reply in replies] == ["2", "2", "3"][:stage]
            if stage == 2:  # DATA itself asks nobody
                last = smtp.say(said[3])
            assert last.startswith("451 "), (stage, last)
        if stage < 3:
            world.start("inbound")
    yield
    world.start("inbound")


@contextmanager
def _milter_stopped(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.stopped("inbound", "submission"):
        yield


@contextmanager
def _milter_restarted(world: World, _timeline: Timeline) -> Iterator[None]:
    for _ in range(3):
        for name in ("inbound", "submission"):
            world.site.daemons[name].stop()
        world.start("inbound", "submission")
    yield


@contextmanager
def _maps_killed(world: World, _timeline: Timeline) -> Iterator[None]:
    world.kill("maps")
    yield
    world.start("maps")


@contextmanager
def _edge_killed(world: World, _timeline: Timeline) -> Iterator[None]:
    world.site.daemons["lmtp"].stop()
    yield
    world.start("lmtp")


@contextmanager
def _edge_stopped(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.stopped("lmtp"):
        yield


@contextmanager
def _store_locked(world: World, _timeline: Timeline) -> Iterator[None]:
    with closing(sqlite3.connect(world.site.database, timeout=20, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def _readers_locked_out(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.unreadable_store():
        yield


@contextmanager
def _store_broken(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.broken_store():
        yield


@contextmanager
def _edge_without_descriptors(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.without_descriptors("lmtp"):
        yield


@contextmanager
def nothing(_world: World, _timeline: Timeline) -> Iterator[None]:
    yield


SLOW = "a delay; after 10 s 451"
QUEUED = "nothing; mail waits in the queue"

EMBEDDED = (
    Fault("none", "nothing", RIGHT, nothing, 0.0, is_short=False),
    Fault("milter-killed", "both milters: kill -9, then started by their supervisor", LATER, _milter_killed, 10.0),
    Fault("milter-stages", "kill -9 at MAIL, RCPT, DATA, end of message", LATER, _milter_killed_at_each_stage, 10.0),
    Fault("milter-frozen", "both milters: SIGSTOP", SLOW, _milter_stopped, 10.0, long=12.0, is_short=False),
    Fault("milter-loop", "both milters: restarted 3 times", LATER, _milter_restarted, 10.0, long=0.0, is_short=False),
    Fault("maps-killed", "byname maps: kill -9, then started", LATER, _maps_killed, 20.0),
    Fault("edge-ended", "byname lmtp: ended, then started", QUEUED, _edge_killed, 10.0),
    Fault("edge-frozen", "byname lmtp: SIGSTOP, SIGCONT", QUEUED, _edge_stopped, 10.0),
    Fault("store-locked", "SQLite: held by another writer", RIGHT, _store_locked, 0.0, is_short=False),
    Fault("store-unreadable", "SQLite: locked for readers too", SLOW, _readers_locked_out, 10.0),
    Fault("store-broken", "SQLite: the table of names away", LATER, _store_broken, 5.0, is_short=False),
    Fault("edge-files", "byname lmtp: no file left", QUEUED, _edge_without_descriptors, 10.0, is_short=False),
)
