"""The relay as a service: notifications, the service manager, the log, and clocks that are wrong."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update
from structlog.testing import capture_logs

from store.cache.notify import OutboxSignal
from store.cache.propagation import PropagationWaiter
from store.relay import service
from store.relay.service import Site, Worker
from store.relay.status import RelayStatus
from store.relay.steps import Step
from store.sql import outbox
from store.sql.database import Database
from store.sql.tables import OutboxRow
from store.wire_format import layout
from tests.store.cli.command_line import CommandLine
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import LIVES, Relaying, add_sales, lease_left, pending, seen

NEVER = 600.0


@contextmanager
def worker(url: str, server: RedisServer) -> Iterator[Worker]:
    """The relay's loop, which asks by itself only every ten minutes, once it has given the lease."""
    running = Worker(Site(url, server.url, LIVES), lambda: None, RelayStatus(CollectorRegistry()), poll=NEVER)
    running.start()
    try:
        eventually(lambda: server.admin.exists(layout.LEASE_KEY) == 1)
        eventually(lambda: server.admin.pubsub_numsub(layout.WAKE_CHANNEL)[0][1] == 1)
        time.sleep(0.3)  # until it sleeps
        yield running
    finally:
        running.stop()


def eventually(check: Callable[[], bool], seconds: float = 10) -> float:
    started = time.monotonic()
    while not check():
        assert time.monotonic() - started < seconds
        time.sleep(0.005)
    return time.monotonic() - started


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_nobody_wakes_it(world: Database, url: str, redis_server: RedisServer) -> None:
    """What the next two compare with: without a word it does not look. PostgreSQL's commit is one."""
    with worker(url, redis_server):
        change(world)
        time.sleep(0.7)
        assert len(pending(world)) == 1


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_woken_by_postgresql(world: Database, url: str, redis_server: RedisServer) -> None:
    with worker(url, redis_server):
        change(world)
        eventually(lambda: seen(redis_server, "brand-b.com", "sales") is not None, seconds=2)


def test_woken_over_redis(world: Database, url: str, redis_server: RedisServer) -> None:
    with worker(url, redis_server), closing(PropagationWaiter(world, redis_server.url)) as waiter:
        assert waiter.wait_until_live(change(world), timeout=2) == "live"
        assert seen(redis_server, "brand-b.com", "sales") is not None


def test_it_tells_the_service_manager(byname: CommandLine, redis_server: RedisServer) -> None:
    """READY=1, signs of life for the watchdog, STOPPING=1, as sd_notify(3) has them."""
    byname.configure(f'cache.url = "{redis_server.url}"')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(20)
        manager.bind(f"\0byname-relay-watchdog-{os.getpid()}")
        process = byname.start("relay", env={"NOTIFY_SOCKET": f"@byname-relay-watchdog-{os.getpid()}"})
        try:
            assert manager.recv(100) == b"READY=1"
            started = time.monotonic()
            assert manager.recv(100) == b"WATCHDOG=1"
            assert time.monotonic() - started < 10  # WatchdogSec in systemd/ is longer
            process.send_signal(signal.SIGTERM)
            assert [manager.recv(100), manager.recv(100)] == [b"WATCHDOG=1", b"STOPPING=1"]
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.communicate()


class Hanging(RelayStatus):
    """Holds the relay's thread for ever, after a step."""

    let_go = threading.Event()
    hangs = threading.Event()

    def stepped(self, step: Step, begun: float) -> None:
        self.hangs.set()
        self.let_go.wait(60)


def test_a_relay_that_hangs_shows_no_sign_of_life(
    sqlite_database: Database, sqlite_url: str, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the service manager ends it: the main thread, which is well, does not speak for the other."""
    for name, seconds in (("_SIGN_OF_LIFE", 0.05), ("_STUCK", 0.5), ("_END_WITHIN", 0.1)):
        monkeypatch.setattr(service, name, seconds)
    watch = Hanging(CollectorRegistry())
    monkeypatch.setenv("NOTIFY_SOCKET", f"@byname-relay-hangs-{os.getpid()}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0byname-relay-hangs-{os.getpid()}")
        manager.settimeout(0)
        before, after = list[bytes](), list[bytes]()

        def look() -> None:
            watch.hangs.wait(60)
            until = time.monotonic() + 30
            before.extend(iter(lambda: received(manager), b""))
            while time.monotonic() < until:
                time.sleep(0.5)  # ten signs of life
                after[:] = iter(lambda: received(manager), b"")
                if not after:
                    break
                before.extend(after)
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=look).start()
        assert service.serve(lambda: Site(sqlite_url, redis_server.url, LIVES), watch) == 0
        watch.let_go.set()
        last = list(iter(lambda: received(manager), b""))
    assert before[0] == b"READY=1"
    assert set(before[1:]) == {b"WATCHDOG=1"}
    assert after == []
    assert last == [b"STOPPING=1"]


def received(manager: socket.socket) -> bytes:
    try:
        return manager.recv(100)
    except BlockingIOError:
        return b""


def test_who_calls_again_wants_no_second_look() -> None:
    signal = OutboxSignal()
    signal.notify(7)
    assert signal.is_pending()
    signal.begin()
    signal.looked(7)
    for version, wants in ((7, False), (6, False), (8, True)):
        signal.notify(version)
        assert signal.is_pending() is wants
    signal.begin()
    signal.looked(3)  # the database was restored: nobody waits for ever
    assert not signal.is_pending()
    signal.notify()
    assert signal.is_pending()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_change_costs_one_look(world: Database, url: str, redis_server: RedisServer) -> None:
    """Though both PostgreSQL and the one who waits have called."""
    with worker(url, redis_server), closing(PropagationWaiter(world, redis_server.url)) as waiter:
        before = looks(redis_server)
        assert waiter.wait_until_live(change(world), timeout=2) == "live"
        time.sleep(0.3)
        assert looks(redis_server) == before + 1


def looks(server: RedisServer) -> int:
    stats: Any = server.admin.info("commandstats")
    return int(stats["cmdstat_hgetall"]["calls"])


def test_a_relays_word_ends_the_waiting(world: Database, url: str, redis_server: RedisServer) -> None:
    """It is heard at once; but what counts is the outbox."""
    with closing(PropagationWaiter(world, redis_server.url)) as waiter:
        version = change(world)
        assert waiter.wait_until_live(version, timeout=0.3) == "pending"
        redis_server.admin.publish(layout.LIVE_CHANNEL, version)
        assert waiter.wait_until_live(version, timeout=0.3) == "pending"
        with worker(url, redis_server):
            assert waiter.wait_until_live(version, timeout=2) == "live"


@pytest.fixture
def byname(tmp_path: Path) -> CommandLine:
    command_line = CommandLine(tmp_path)
    command_line.succeed("db upgrade")
    return command_line


def change(database: Database) -> int:
    """Add a name; return the version of that."""
    with database.write() as tx:
        add_sales(tx)
    version = outbox.version_of(tx)
    assert version is not None
    return version


@pytest.mark.parametrize(("policy", "lease"), [("allkeys-lru", "refused"), ("volatile-lru", "given")])
def test_a_wrong_policy_is_told_loudly(
    sqlite_database: Database, sqlite_url: str, redis_server: RedisServer, policy: str, lease: str
) -> None:
    redis_server.admin.config_set("maxmemory-policy", policy)
    with capture_logs() as lines:
        running = Worker(Site(sqlite_url, redis_server.url, LIVES), lambda: None, RelayStatus(CollectorRegistry()))
        running.start()
        try:
            eventually(lambda: any(line["event"] == "cache-policy-wrong" for line in lines))
        finally:
            running.stop()
    (entry,) = [line for line in lines if line["event"] == "cache-policy-wrong"]
    assert (entry["log_level"], entry["policy"], entry["lease"]) == ("error", policy, lease)


def test_the_hosts_clock_plays_no_part_in_the_lease(
    world: Database, relaying: Relaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts from Redis's clock, whatever that of the relay's host says."""
    for jump in (-3600.0, 3600.0):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda jump=jump, now=time.time: now() + jump)
            relaying.server.admin.delete(layout.LEASE_KEY)
            assert relaying.relay.step().is_leased
            assert 4 < lease_left(relaying.server) <= 5


def test_rows_that_seem_old_go_but_not_what_redis_has_seen_last(world: Database, relaying: Relaying) -> None:
    """The clock of whoever marked them was wrong; without that row Redis would look like one of another database."""
    relaying.change(add_sales)
    version = relaying.settle().state.version
    with world.write() as tx:
        tx.execute(update(OutboxRow).values(applied_at=datetime(2020, 1, 1, tzinfo=UTC)))
    relaying.source.prune(relaying.target.state().version)
    assert relaying.relay.step().is_leased
    with world.read() as tx:
        assert set(tx.scalars(select(OutboxRow.version))) == {version + 1}
