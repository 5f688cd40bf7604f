"""When a relay no longer trusts what is in Redis: no lease until it is rebuilt."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from routing.directory import LookupFailed
from routing.records import Alias, HostedDomain, Mailbox
from store.errors import CacheUnavailable
from store.relay.rebuild import BuiltElsewhere, rebuild
from store.relay.target import Lifetimes
from store.services import aliases, domain_settings
from store.sql.database import Database
from store.sql.tables import OutboxRow
from store.wire_format import layout
from tests.store.directory_contract import base
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import JOHN, SALES, Relaying, add_sales, known, lease_left

REASONS: list[tuple[str, Callable[[RedisServer], object]]] = [
    ("emptied", lambda server: server.admin.flushall()),
    ("emptied", lambda server: server.admin.delete(layout.STATE_KEY)),
    ("emptied", lambda server: server.admin.set(layout.STATE_KEY, "rubbish")),
    ("another Redis", lambda server: server.admin.hset(layout.STATE_KEY, "run", "another")),
    ("lost changes", lambda server: server.admin.hincrby(layout.STATE_KEY, "applied", -1)),
    ("another one, or was restored", lambda server: server.admin.hset(layout.STATE_KEY, "epoch", "another")),
    ("restored", lambda server: server.admin.hset(layout.STATE_KEY, "version", "99999")),
    ("restored and changed", lambda server: server.admin.hset(layout.STATE_KEY, "nonce", "another")),
]


@pytest.mark.parametrize(("reason", "damage"), REASONS, ids=[f"{i} {row[0]}" for i, row in enumerate(REASONS)])
def test_no_lease_until_rebuilt(
    world: Database, relaying: Relaying, reason: str, damage: Callable[[RedisServer], object]
) -> None:
    relaying.change(add_sales)
    relaying.settle()
    damage(relaying.server)
    step = relaying.relay.step()
    assert step.distrust is not None
    assert reason in step.distrust
    assert not step.is_leased
    assert not relaying.server.admin.exists(layout.LEASE_KEY)
    assert relaying.relay.step().distrust is not None  # asking again does not help
    relaying.rebuild()
    assert relaying.relay.step().is_leased
    assert relaying.differences() == []


@pytest.mark.parametrize("key", [layout.HOSTED_KEY, layout.LEASE_KEY])
@pytest.mark.parametrize("damage", ["delete", "set"])
def test_a_key_that_was_lost_or_spoiled(world: Database, relaying: Relaying, key: str, damage: str) -> None:
    admin = relaying.server.admin
    admin.delete(key)
    if damage == "set":
        admin.set(key, "rubbish")
    with pytest.raises(LookupFailed):
        known(relaying.server, JOHN)
    if key == layout.HOSTED_KEY:
        assert relaying.relay.step().distrust == "it refuses the lease: a part of it is missing"
        relaying.rebuild()
    assert relaying.relay.step().is_leased
    assert known(relaying.server, JOHN) is not None


def test_an_empty_restart(world: Database) -> None:
    server = RedisServer()
    server.start()
    try:
        with closing(Relaying(world, server)) as own:
            own.settle()
            own.change(add_sales)
            server.kill()
            with pytest.raises(CacheUnavailable):
                own.relay.step()
            server.start()
            with pytest.raises(LookupFailed):
                known(server, JOHN)
            assert own.settle().is_leased
            assert known(server, SALES) is not None
    finally:
        server.remove()


def test_a_restart_from_an_older_snapshot(world: Database) -> None:
    """A lease that came back from the disk is worth nothing: the run id is another one."""
    server = RedisServer()
    server.start()
    try:
        with closing(Relaying(world, server, Lifetimes(3600, 3600, 3600))) as own:
            own.change(add_sales)
            own.settle()
            server.admin.save()
            own.change(lambda tx: aliases.remove(tx, str(SALES)))
            own.settle()
            server.kill()
            server.start()
            assert lease_left(server) > 3000
            with pytest.raises(LookupFailed):
                known(server, SALES)
            assert "another Redis" in str(own.relay.step().distrust)
            own.settle()
            found = known(server, SALES)
            assert found is not None
            assert found.names == {}
    finally:
        server.remove()


@pytest.mark.parametrize("more", [0, 1, 5])
def test_a_restored_database(
    sqlite_database: Database, sqlite_url: str, redis_server: RedisServer, more: int, tmp_path: Path
) -> None:
    """An older copy comes back, and ``more`` changes are made before the relay looks: as many as it lost, and more."""
    path, copy = Path(sqlite_url.removeprefix("sqlite:///")), tmp_path / "copy.db"
    with closing(Relaying(sqlite_database, redis_server)) as own:
        own.change(base)
        own.settle()
        with closing(sqlite3.connect(path)) as original, closing(sqlite3.connect(copy)) as older:
            original.backup(older)
        own.change(
            lambda tx: aliases.remove(tx, str(SALES)),
            lambda tx: domain_settings.update(tx, "brand-b.com", is_active=False),
        )
        own.settle()
        highest = own.relay.step().state.version
    sqlite_database.close()
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    shutil.copy(copy, path)
    with closing(Database.open(sqlite_url)) as restored, closing(Relaying(restored, redis_server)) as own:
        for number in range(more):
            own.change(lambda tx, number=number: aliases.add(tx, f"new{number}@brand-a.com", str(JOHN)))  # type: ignore[misc]
        step = own.relay.step()
        assert "restored" in str(step.distrust)
        assert not redis_server.admin.exists(layout.LEASE_KEY)
        assert own.settle().state.version > highest
        assert own.differences() == []
        assert known(redis_server, SALES) == HostedDomain("brand-b.com", names={"sales": Alias(Mailbox(JOHN))})
        own.change(lambda tx: aliases.remove(tx, str(SALES)))
        assert own.relay.step().is_leased
        assert own.differences() == []


def test_one_rebuild_at_a_time(sqlite_database: Database, redis_server: RedisServer) -> None:
    with closing(Relaying(sqlite_database, redis_server)) as own:
        first = rebuild(own.source, own.target)
        next(first)
        with pytest.raises(BuiltElsewhere):
            own.rebuild()
        list(first)
        own.rebuild()


@pytest.mark.parametrize("when", ["FLUSHALL", "another rebuild"])
def test_a_rebuild_that_was_disturbed_is_none(world: Database, redis_server: RedisServer, when: str) -> None:
    with closing(Relaying(world, redis_server)) as own:
        under_way = rebuild(own.source, own.target)
        next(under_way)
        redis_server.admin.flushall()
        if when == "another rebuild":
            own.rebuild()
        with pytest.raises(BuiltElsewhere):
            list(under_way)
        assert own.settle().is_leased
        assert own.differences() == []


def test_lost_writes_of_a_failover_are_seen(world: Database, relaying: Relaying) -> None:
    """Of what was marked as applied, Redis knows less than the mark says."""
    relaying.change(add_sales)
    relaying.settle()
    with world.write() as tx:
        tx.execute(update(OutboxRow).values(counter=10**6))
    assert "lost changes" in str(relaying.relay.step().distrust)
    relaying.rebuild()
    assert relaying.relay.step().is_leased
