"""The relay over real servers: order, repetition, crashes between its steps, and when it gives no lease."""

import itertools
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from routing.address import Address
from routing.directory import LookupFailed
from routing.records import Alias, HostedDomain, Mailbox
from store.cache import layout
from store.cache.directory import RedisDirectory
from store.cache.lease import lease_text
from store.cache.rebuild import BuiltElsewhere, rebuild
from store.cache.relay import Relay
from store.cache.source import Change
from store.cache.target import Lives
from store.errors import CacheUnavailable, StoreUnavailable
from store.services import aliases, domains, mailboxes
from store.sql.database import Database
from store.sql.purpose import RELAY_READ, RELAY_WRITE
from store.sql.tables import OutboxRow
from tests.store.directory_contract import CONTRACT, Fill, base
from tests.store.postgres_server import PostgresServer
from tests.store.redis_server import RedisServer
from tests.store.relaying import LIVES, Relaying

JOHN, SALES = Address("john", "brand-a.com"), Address("sales", "brand-b.com")


@pytest.fixture
def sqlite_world(sqlite_url: str) -> Iterator[Database]:
    with closing(Database.open(sqlite_url)) as database:
        yield database


@contextmanager
def another(relaying: Relaying) -> Iterator[Relaying]:
    """A second relay beside the first."""
    with closing(Relaying(relaying.database, relaying.server)) as opened:
        yield opened


def add_sales(tx: Session) -> None:
    aliases.add(tx, str(SALES), str(JOHN))


def seen(server: RedisServer, domain: str, field: str) -> str | None:
    value: Any = server.admin.hget(layout.domain_key(domain), field)
    return None if value is None else value.decode()


def lease_left(server: RedisServer) -> float:
    left: Any = server.admin.pttl(layout.LEASE_KEY)
    return float(left) / 1000


def known(server: RedisServer, wanted: Address) -> HostedDomain | None:
    with closing(RedisDirectory.open(server.url)) as directory:
        return directory.lookup([wanted]).get(wanted.domain)


def pending(database: Database) -> Sequence[OutboxRow]:
    with database.read() as tx:
        return tx.scalars(select(OutboxRow).where(OutboxRow.applied_at.is_(None)).order_by(OutboxRow.id)).all()


@pytest.mark.parametrize("case", CONTRACT, ids=lambda case: case.__name__)
def test_the_contract_of_directories_through_the_relay(
    case: Callable[[RedisDirectory, Fill], None], relaying: Relaying
) -> None:
    def fill(change: Callable[[Session], object]) -> None:
        relaying.change(change)
        assert relaying.relay.step().is_leased

    with closing(RedisDirectory.open(relaying.server.url)) as directory:
        case(directory, fill)


def test_a_step_applies_marks_and_leases(world: Database, relaying: Relaying) -> None:
    relaying.change(add_sales)
    step = relaying.relay.step()
    assert [change.field for change in step.applied] == ["sales"]
    assert step.is_leased
    assert pending(world) == []
    assert known(relaying.server, SALES) == HostedDomain("brand-b.com", names={"sales": Alias(Mailbox(JOHN))})
    assert relaying.server.admin.get(layout.LEASE_KEY) == lease_text(relaying.server.run_id).encode()
    assert 4 < lease_left(relaying.server) <= 5
    for key, life in ((layout.GRACE_KEY, 60), (layout.SENDER_GRACE_KEY, 30)):
        left: Any = relaying.server.admin.pttl(key)
        assert life - 1 < left / 1000 <= life
    assert relaying.relay.step().applied == []


VALUES = ["2 a7 1x", "3 a3 1x", "5 x", "9 a1 1x"]


@pytest.mark.parametrize("order", list(itertools.permutations(VALUES)), ids=" ".join)
def test_changes_of_one_name_in_any_order(world: Database, relaying: Relaying, order: tuple[str, ...]) -> None:
    """Each once, then all again: the newest stays."""
    relaying.server.admin.hset(layout.domain_key("brand-b.com"), layout.WHOLE, "1 h")
    for value in [*order, *order]:
        outcome = relaying.target.apply([Change(0, "n", "brand-b.com", "sales", value)]).outcomes
        before = seen(relaying.server, "brand-b.com", "sales")
        assert before is not None
        assert outcome == ["applied" if before == value else "older"]
    assert seen(relaying.server, "brand-b.com", "sales") == VALUES[-1]


@pytest.mark.parametrize(
    ("present", "change", "outcome", "after"),
    [
        (None, "5 m1", "older", None),  # not later than the whole hash, which had no such name
        (None, "6 m1", "older", None),
        (None, "7 m1", "applied", "7 m1"),
        (None, "7 x", "applied", "7 x"),
        ("7 x", "6 m1", "older", "7 x"),
        ("7 x", "8 m1", "applied", "8 m1"),
        ("z m1", "10 x", "applied", "10 x"),  # base 36
        ("10 m1", "z x", "older", "10 m1"),
        ("7 m1", "7 m1", "applied", "7 m1"),
        ("garbage", "7 m1", "applied", "7 m1"),
        ("", "7 m1", "applied", "7 m1"),
    ],
)
def test_the_comparison(
    world: Database, relaying: Relaying, present: str | None, change: str, outcome: str, after: str | None
) -> None:
    admin, key = relaying.server.admin, layout.domain_key("brand-b.com")
    admin.hset(key, layout.WHOLE, "6 h")
    if present is not None:
        admin.hset(key, "name", present)
    assert relaying.target.apply([Change(0, "n", "brand-b.com", "name", change)]).outcomes == [outcome]
    assert seen(relaying.server, "brand-b.com", "name") == after


@pytest.mark.parametrize(
    ("listed", "change", "outcome", "is_there"),
    [
        ("5 h", "5 x", "applied", False),
        ("5 h", "4 x", "older", True),
        ("5 h", "6 x", "applied", False),
        ("5 h", "6 h", "applied", True),
        (None, "4 h", "older", True),
        (None, "8 h", "applied", True),
    ],
)
def test_the_comparison_in_the_list(
    world: Database, relaying: Relaying, listed: str | None, change: str, outcome: str, is_there: bool
) -> None:
    admin = relaying.server.admin
    admin.hset(layout.HOSTED_KEY, layout.WHOLE, "4 h")
    admin.hdel(layout.HOSTED_KEY, "brand-b.com")
    if listed:
        admin.hset(layout.HOSTED_KEY, "brand-b.com", listed)
    assert relaying.target.apply([Change(0, "n", "brand-b.com", "", change)]).outcomes == [outcome]
    assert bool(admin.exists(layout.domain_key("brand-b.com"))) is is_there


@pytest.mark.parametrize("rubbish", ["nothing", "no @", "a string"])
def test_a_hash_is_never_made_bit_by_bit(world: Database, relaying: Relaying, rubbish: str) -> None:
    admin, key = relaying.server.admin, layout.domain_key("brand-a.com")
    admin.delete(key)
    if rubbish == "no @":
        admin.hset(key, "stranger", "1 m1")
    if rubbish == "a string":
        admin.set(key, "x")
    change = Change(0, "n", "brand-a.com", "new", "7 m1")
    assert relaying.target.apply([change]).outcomes == ["load"]
    assert not admin.exists(key) or rubbish != "nothing"
    with pytest.raises(LookupFailed):
        known(relaying.server, JOHN)
    relaying.change(lambda tx: aliases.add(tx, "shop@brand-a.com", str(JOHN)))
    assert relaying.relay.step().is_leased
    assert known(relaying.server, JOHN) is not None
    assert relaying.differences() == []


class Crash(BaseException):
    """The relay's process dies here."""


def crash(*_: object) -> None:
    raise Crash


@pytest.mark.parametrize("method", ["apply", "mark", "pending", "renew"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_each_step(world: Database, relaying: Relaying, method: str, after: bool) -> None:
    """Before or after each call the relay dies; the next one finishes, and in between nothing is wrong."""
    place: Any = relaying.source if method in {"mark", "pending"} else relaying.target
    whole = getattr(place, method)

    def cut(*arguments: Any) -> None:
        if after:
            whole(*arguments)
        raise Crash

    relaying.change(add_sales, lambda tx: mailboxes.update(tx, str(JOHN), is_active=False))
    setattr(place, method, cut)
    with pytest.raises(Crash):
        relaying.relay.step()
    with another(relaying) as second:
        assert second.relay.step().is_leased
        assert second.differences() == []
    assert pending(world) == []


def test_two_relays_at_once(world: Database, relaying: Relaying, url: str) -> None:
    """Both take every row; neither brings back what the other took away, and no lease is ever given too early."""
    ended = threading.Event()
    problems: list[object] = []

    def relay() -> None:
        with another(relaying) as own:
            while not ended.is_set():
                try:
                    step = own.relay.step()
                    if step.distrust:
                        problems.append(step.distrust)
                except StoreUnavailable:  # SQLite is busy now and then
                    continue

    threads = [threading.Thread(target=relay) for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(25):
        relaying.change(add_sales if turn % 2 == 0 else lambda tx: aliases.remove(tx, str(SALES)))
        relaying.change(lambda tx, turn=turn: mailboxes.update(tx, str(JOHN), is_active=bool(turn % 2)))  # type: ignore[misc]
    ended.set()
    for thread in threads:
        thread.join()
    relaying.settle()
    assert problems == []
    assert relaying.differences() == []


def test_a_slow_relay_brings_nothing_back(world: Database, relaying: Relaying) -> None:
    """It has read a row before the name went away, and applies it after the tombstone was forgotten."""
    relaying.change(add_sales)
    slow = relaying.source.pending(10, 0).changes
    relaying.settle()
    relaying.change(lambda tx: aliases.remove(tx, str(SALES)))
    relaying.settle()
    assert seen(relaying.server, "brand-b.com", "sales") is not None
    relaying.audit()
    assert seen(relaying.server, "brand-b.com", "sales") is None
    assert relaying.target.apply(slow).outcomes == ["older"]
    assert seen(relaying.server, "brand-b.com", "sales") is None


def test_the_same_for_a_whole_domain(world: Database, relaying: Relaying) -> None:
    relaying.change(lambda tx: domains.add(tx, "new.org", account="acme", verified=True))
    relaying.change(lambda tx: aliases.add(tx, "sales@new.org", str(JOHN)))
    slow = relaying.source.pending(10, 0).changes
    relaying.settle()
    relaying.change(lambda tx: domains.remove(tx, "new.org", confirmed=True))
    relaying.settle()
    relaying.audit()
    assert relaying.server.admin.hget(layout.HOSTED_KEY, "new.org") is None
    assert set(relaying.target.apply(slow).outcomes) == {"older"}
    assert relaying.differences() == []


def test_a_domain_that_goes_and_comes_back(world: Database, relaying: Relaying) -> None:
    relaying.change(
        lambda tx: domains.remove(tx, "brand-b.com", confirmed=True),
        lambda tx: domains.add(tx, "brand-b.com", account="acme", verified=True),
        add_sales,
    )
    relaying.settle()
    assert relaying.differences() == []
    assert known(relaying.server, SALES) is not None


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
        with closing(Relaying(world, server, Lives(3600, 3600, 3600))) as own:
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
    sqlite_world: Database, sqlite_url: str, redis_server: RedisServer, more: int, tmp_path: Path
) -> None:
    """An older copy comes back, and ``more`` changes are made before the relay looks: as many as it lost, and more."""
    path, copy = Path(sqlite_url.removeprefix("sqlite:///")), tmp_path / "copy.db"
    with closing(Relaying(sqlite_world, redis_server)) as own:
        own.change(base)
        own.settle()
        with closing(sqlite3.connect(path)) as original, closing(sqlite3.connect(copy)) as older:
            original.backup(older)
        own.change(
            lambda tx: aliases.remove(tx, str(SALES)), lambda tx: domains.update(tx, "brand-b.com", is_active=False)
        )
        own.settle()
        highest = own.relay.step().state.version
    sqlite_world.close()
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


def test_the_lease_counts_from_before_sql_was_read(world: Database, relaying: Relaying) -> None:
    """A relay that was stopped between the two gives what is left of the lease, if anything."""
    whole = relaying.source.pending

    def slow(*arguments: Any) -> Any:
        found = whole(*arguments)
        time.sleep(0.4)
        return found

    relaying.relay = Relay(relaying.source, relaying.target, Lives(1, 60, 30))
    relaying.server.admin.delete(layout.LEASE_KEY)
    relaying.source.pending = slow  # type: ignore[method-assign, assignment]
    assert relaying.relay.step().is_leased
    assert lease_left(relaying.server) < 0.61


def test_no_lease_while_something_waits(world: Database, relaying: Relaying) -> None:
    relaying.change(add_sales)
    relaying.server.admin.delete(layout.LEASE_KEY)
    relaying.target.apply = crash  # type: ignore[method-assign, assignment]
    with pytest.raises(Crash):
        relaying.relay.step()
    assert not relaying.server.admin.exists(layout.LEASE_KEY)


def test_a_frozen_database_ends_the_lease(
    postgres: PostgresServer, postgres_url: str, redis_server: RedisServer
) -> None:
    with (
        closing(Database.open(postgres_url, reading=RELAY_READ, writing=RELAY_WRITE)) as database,
        closing(Relaying(database, redis_server, Lives(2, 60, 30))) as own,
    ):
        own.settle()
        postgres.freeze()
        try:
            started = time.monotonic()
            with pytest.raises(StoreUnavailable):
                own.relay.step()
            assert time.monotonic() - started < 6
            assert not redis_server.admin.exists(layout.LEASE_KEY)
            assert redis_server.admin.exists(layout.GRACE_KEY)
        finally:
            postgres.thaw()
        assert own.settle().is_leased


@pytest.mark.parametrize(
    ("policy", "is_leased"),
    [("noeviction", True), ("volatile-lru", True), ("allkeys-lru", False), ("allkeys-random", False)],
)
def test_a_redis_that_may_drop_names_gets_no_lease(
    sqlite_world: Database, redis_server: RedisServer, policy: str, is_leased: bool
) -> None:
    with closing(Relaying(sqlite_world, redis_server)) as own:
        own.settle()
        redis_server.admin.delete(layout.LEASE_KEY)
        redis_server.admin.config_set("maxmemory-policy", policy)
        assert own.relay.step().is_leased is is_leased
        assert bool(redis_server.admin.exists(layout.LEASE_KEY)) is is_leased


def test_a_full_redis_keeps_the_lease_while_nothing_changes(sqlite_world: Database, redis_server: RedisServer) -> None:
    admin = redis_server.admin
    with closing(Relaying(sqlite_world, redis_server)) as own:
        own.settle()
        admin.config_set("maxmemory", "1")
        try:
            assert own.relay.step().is_leased
            own.change(base)
            with pytest.raises(CacheUnavailable, match="no memory"):
                own.relay.step()
        finally:
            admin.config_set("maxmemory", "0")
        assert own.settle().is_leased
        assert own.differences() == []


def test_one_rebuild_at_a_time(sqlite_world: Database, redis_server: RedisServer) -> None:
    with closing(Relaying(sqlite_world, redis_server)) as own:
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


def test_a_renewal_never_shortens_nor_lasts_too_long(world: Database, relaying: Relaying) -> None:
    admin = relaying.server.admin
    admin.pexpire(layout.LEASE_KEY, 3_600_000)  # as after a jump of Redis's clock
    assert relaying.relay.step().is_leased
    assert lease_left(relaying.server) <= 5
    assert LIVES.lease == 5
