"""The faults of a site without a cache, as rows: the milters, the maps, the edge, SQLite."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from store.services import aliases, mailboxes
from store.sql.database import Database
from tests.faults.fault import LATER, MOMENT, QUEUED, RIGHT, SLOW, TWICE, Fault, nothing
from tests.faults.timeline import Timeline
from tests.faults.world import World
from tests.mail.dialogue import Dialogue


@contextmanager
def _milter_killed(world: World, _timeline: Timeline) -> Iterator[None]:
    world.kill("inbound", "submission")
    yield
    world.start("inbound", "submission")


@contextmanager
def _milter_killed_at_each_stage(world: World, _timeline: Timeline) -> Iterator[None]:
    for stage in range(4):
        with Dialogue(world.site.postfix.inbound_port) as smtp:
            commands = [
                "MAIL FROM:<a@outside.example>",
                "RCPT TO:<sales@brand-b.test>",
                "DATA",
                "Subject: x\r\n\r\nx\r\n.",
            ]
            replies = [smtp.say(command) for command in commands[:stage]]
            world.kill("inbound")
            last = smtp.say(commands[stage])
            assert [reply[:1] for reply in replies] == ["2", "2", "3"][:stage]
            if stage == 2:  # DATA itself asks nobody
                last = smtp.say(commands[3])
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
def _edge_ended(world: World, _timeline: Timeline) -> Iterator[None]:
    world.site.daemons["lmtp"].stop()
    yield
    world.start("lmtp")


@contextmanager
def _edge_killed_often(world: World, _timeline: Timeline) -> Iterator[None]:
    for _ in range(5):
        world.kill("lmtp")
        world.start("lmtp")
        time.sleep(0.5)
    world.kill("lmtp")
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
def _store_renamed(world: World, timeline: Timeline) -> Iterator[None]:
    with timeline.still(), world.renamed_store():
        yield


@contextmanager
def mailbox_deleted(world: World, _timeline: Timeline) -> Iterator[None]:
    """A mailbox goes while mail to it and to its alias is being sent: what was right at RCPT is not any more."""
    names = ("leaver@brand-a.test", "farewell@brand-a.test")
    with closing(Database.open(world.url)) as database, ExitStack() as open_ones:
        with database.write() as tx:
            mailboxes.add(tx, names[0], "correct horse battery")
            aliases.add(tx, names[1], names[0])
        world.wait_until_in_step()
        dialogues = [open_ones.enter_context(Dialogue(world.site.postfix.inbound_port)) for _ in names]
        for smtp, name in zip(dialogues, names, strict=True):
            commands = ["MAIL FROM:<a@outside.example>", f"RCPT TO:<{name}>", "DATA"]
            assert [smtp.say(command)[:3] for command in commands] == ["250", "250", "354"]
        with database.write() as tx:
            mailboxes.remove(tx, names[0])
        world.wait_until_in_step()
        time.sleep(1.1)  # a decision may be a second old
        ends = [smtp.say("Subject: x\r\n\r\nx\r\n.") for smtp in dialogues]
        assert [end[:4] for end in ends] == ["451 ", "451 "], ends
        again = [smtp.mail([f"<{name}>"])[1] for smtp, name in zip(dialogues, names, strict=True)]
        assert [reply[:9] for reply in again] == ["550 5.1.1", "550 5.1.1"], again
    yield


@contextmanager
def _milter_without_descriptors(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.without_descriptors("inbound"), world.without_descriptors("submission"):
        yield


@contextmanager
def _edge_without_descriptors(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.without_descriptors("lmtp"):
        yield


EMBEDDED = (
    Fault("none", "nothing", RIGHT, nothing, 0.0, is_short=False),
    Fault("milter-killed", "both milters: kill -9, then started by their supervisor", LATER, _milter_killed, 10.0),
    Fault("milter-stages", "kill -9 at MAIL, RCPT, DATA, end of message", LATER, _milter_killed_at_each_stage, 10.0),
    Fault("milter-frozen", "both milters: SIGSTOP", SLOW, _milter_stopped, 10.0, long=12.0, is_short=False),
    Fault("milter-loop", "both milters: restarted 3 times", LATER, _milter_restarted, 10.0, long=0.0, is_short=False),
    Fault("maps-killed", "byname maps: kill -9, then started", LATER, _maps_killed, 20.0),
    Fault("edge-ended", "byname lmtp: ended, then started", QUEUED, _edge_ended, 10.0),
    Fault(
        "edge-killed",
        "byname lmtp: kill -9 six times",
        TWICE,
        _edge_killed_often,
        10.0,
        long=0.0,
        is_short=False,
        allows=frozenset({"duplicated"}),
    ),
    Fault("edge-frozen", "byname lmtp: SIGSTOP, SIGCONT", QUEUED, _edge_stopped, 10.0, is_short=False),
    Fault("store-locked", "SQLite: held by another writer", RIGHT, _store_locked, 0.0, is_short=False),
    Fault("store-unreadable", "SQLite: locked for readers too", SLOW, _readers_locked_out, 10.0),
    Fault("store-broken", "SQLite: the table of names away", LATER, _store_broken, 5.0, is_short=False),
    Fault("store-renamed", "SQLite: its files renamed, and back", MOMENT, _store_renamed, 5.0, is_short=False),
    Fault("mailbox-deleted", "a mailbox deleted in the middle of mail to it", RIGHT, mailbox_deleted, 0.0),
    Fault("milter-files", "both milters: no file left", SLOW, _milter_without_descriptors, 20.0, is_short=False),
    Fault("edge-files", "byname lmtp: no file left", QUEUED, _edge_without_descriptors, 10.0, is_short=False),
)
