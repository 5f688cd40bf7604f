"""The simulation's source and target and the real ones, held to the same cases."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from store.cache.connection import open_pool
from store.relay.rebuild import audit, basis_of, rebuild
from store.relay.redis_target import RedisTarget
from store.relay.source import Change, Source, SqlSource
from store.relay.target import Basis, LeaseBasis, Lifetimes, Outdated, Repair, Target
from store.services import accounts, aliases, domains, mailboxes
from store.sql.database import Database
from store.sql.outbox import Clock
from store.wire_format.layout import HOSTED_KEY, domain_key
from tests.faults.sim_clients import MemoryTarget, Network
from tests.faults.sim_redis import MemoryRedis, Time
from tests.faults.sim_sql import MemorySource, Sql
from tests.store.new_store import make_store
from tests.store.redis_server import RedisServer

LIVES = Lifetimes(5, 60, 30)
CLOCK = Clock(9, "n9", "e1")
HASH = {b"@": b"9 d3 - -", b"@c": b"9 c -", b"@l": b"9 h", b"b0": b"9 m1"}


def do_nothing() -> None:
    """Take the place of the scheduler of the simulation: no other thread runs."""


@dataclass(frozen=True, slots=True)
class Store:
    """A source, and how to change something in it so that rows come of it."""

    source: Source
    change: Callable[[], object]


@pytest.fixture(params=["memory", "sql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        sql = Sql(Time(), random.Random(1))
        yield Store(MemorySource(sql, do_nothing), lambda: _until_rows(sql))
        return
    url = f"sqlite:///{tmp_path / 'byname.db'}"
    make_store(url)
    with closing(Database.open(url)) as database:
        flags = cycle((True, False))
        with database.write() as tx:
            accounts.create(tx, "acme", "starter")
            domains.add(tx, "a.test", account="acme", verified=True)
            mailboxes.add(tx, "b0@a.test", "correct horse")
            aliases.add(tx, "s1@a.test", "b0@a.test")
        source = SqlSource(database)
        found = source.pending(100, 0)
        source.mark(found.changes, 0, found.clock)

        def change() -> None:
            with database.write() as tx:
                aliases.update(tx, "s1@a.test", can_send=next(flags))

        yield Store(source, change)


def _until_rows(sql: Sql) -> None:
    before = len(sql.now.rows)
    while len(sql.now.rows) == before:
        sql.commit()


def test_rows_come_oldest_first_and_stay_until_they_are_marked(store: Store) -> None:
    before = store.source.pending(100, 0)
    assert (before.changes, before.is_all, before.stored) == ([], True, 0)
    store.change()
    store.change()
    found = store.source.pending(100, 0)
    versions = [int(change.value.partition(" ")[0], 36) for change in found.changes]
    assert versions == sorted(versions)
    assert len(set(versions)) == 2
    assert found.clock.version > before.clock.version
    assert found.clock.epoch == before.clock.epoch
    first = [change for change, version in zip(found.changes, versions, strict=True) if version == versions[0]]
    store.source.mark(first, 7, found.clock)
    left = store.source.pending(100, 0)
    assert left.changes == found.changes[len(first) :]
    assert left.stored == 7
    store.source.mark(first, 9, found.clock)  # twice is once
    assert store.source.pending(100, 0).stored == 7
    for count in range(100, 120):
        store.change()
        found = store.source.pending(100, 0)
        store.source.mark(found.changes, count, found.clock)
    assert sorted(store.source.pending(100, 0).marks) == list(range(112, 120))


def test_a_mark_is_for_the_row_and_not_for_its_id(store: Store) -> None:
    store.change()
    found = store.source.pending(100, 0)
    store.source.mark([replace(change, nonce="another") for change in found.changes], 7, found.clock)
    assert store.source.pending(100, 0).changes == found.changes


@pytest.mark.parametrize(
    ("differs", "is_marked"),
    [({}, True), ({"version": -1, "nonce": "another"}, False), ({"version": 1}, False), ({"nonce": "another"}, False),
     ({"epoch": "another"}, False)],
)  # fmt: skip
def test_a_mark_is_for_the_database_that_was_read(store: Store, differs: dict[str, Any], is_marked: bool) -> None:
    """Not for an older copy that was put in its place, or one that went on from there."""
    store.change()
    found = store.source.pending(100, 0)
    store.change()
    seen = replace(found.clock, **{**differs, "version": found.clock.version + differs.get("version", 0)})
    store.source.mark(found.changes, 7, seen)
    assert (found.changes[0] not in store.source.pending(100, 0).changes) is is_marked


def test_a_page_says_whether_there_is_more(store: Store) -> None:
    store.change()
    store.change()
    found = store.source.pending(1, 0)
    assert (len(found.changes), found.is_all) == (1, False)


def test_the_nonce_of_a_version(store: Store) -> None:
    store.change()
    clock = store.source.pending(1, 0).clock
    assert store.source.pending(1, clock.version).nonce == clock.nonce
    assert store.source.pending(1, clock.version + 1).nonce is None


def test_a_new_epoch(store: Store) -> None:
    store.change()
    seen = store.source.pending(1, 0).clock
    begun = store.source.advance(50)
    now = store.source.pending(1, 51)
    assert begun == now.clock
    assert (now.clock.version, now.nonce) == (51, now.clock.nonce)
    assert now.clock.epoch != seen.epoch
    again = store.source.advance(7)  # another relay's, whatever it has seen
    assert (again.version, store.source.pending(1, 52).nonce) == (52, again.nonce)
    assert again.epoch not in {seen.epoch, begun.epoch}


def test_a_snapshot_is_of_one_moment(store: Store) -> None:
    store.change()
    with store.source.snapshot() as snapshot:
        assert snapshot.clock == store.source.pending(1, 0).clock
        parts = list(snapshot.parts())
        assert snapshot.count() == sum(len(part.names) for part in parts)
        by_domain = {part.domain.name: [one for one in parts if one.domain.name == part.domain.name] for part in parts}
        for name, those in by_domain.items():
            assert [part.is_first for part in those] == [True] + [False] * (len(those) - 1)
            assert [part.is_last for part in those] == [False] * (len(those) - 1) + [True]
            assert not any(part.domain.names for part in those)
            again = [dict(part.names) for part in snapshot.domain(name)]
            assert {k: v for names in again for k, v in names.items()} == {
                k: v for part in those for k, v in part.names.items()
            }
        assert list(snapshot.domain("elsewhere.test")) == []


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["memory", "redis"])
def empty(request: pytest.FixtureRequest, server: RedisServer) -> Iterator[Target]:
    """A target over an empty Redis."""
    if request.param == "memory":
        yield MemoryTarget(Network(MemoryRedis(Time()), random.Random(1)), do_nothing)
        return
    server.admin.flushall()
    with closing(RedisTarget(open_pool(server.url, timeout=10, connections=2))) as target:
        yield target


@pytest.fixture
def target(empty: Target) -> Target:
    """One that was built: a.test with b0, as of version 9."""
    run_id = empty.begin("t", "")
    assert run_id == empty.state().run_id
    empty.install(Basis("t"), {"a.test": HASH}, CLOCK)
    assert empty.outcomes() == ["applied"]
    empty.seal(Basis("t"), HOSTED_KEY, CLOCK, {})
    assert empty.go_on("t")
    assert empty.finish("t", run_id, CLOCK, 3, 0)
    return empty


def lease_basis(target: Target, **other: object) -> LeaseBasis:
    state = target.state()
    found = LeaseBasis(state.build, state.run_id, state.epoch, state.applied, (), state.now_ms)
    return replace(found, **other)  # type: ignore[arg-type]


def change(value: str, field: str = "b0", domain: str = "a.test") -> Change:
    return Change(1, "n", domain, field, value)


def test_what_a_built_one_knows(target: Target) -> None:
    state = target.state()
    assert (state.is_built, state.built_run, state.epoch) == (True, state.run_id, "e1")
    assert (state.applied, state.version, state.nonce, state.policy) == (3, 9, "n9", "noeviction")
    assert state.build not in {"", "t"}


def test_changes_by_their_versions(target: Target) -> None:
    basis = basis_of(target.state())
    rows = [change("8 m0"), change("a m0"), change("b m1", "b1"), change("c m1", domain="new.test"), change("b x", "")]
    done = target.apply(basis, rows)
    assert done.outcomes == ["older", "applied", "applied", "load", "applied"]
    assert (done.before, target.state().applied) == (3, done.counter)
    assert target.state().version == 11
    assert target.read_hashes(["a.test"]) == [{}]
    assert target.read_fields(HOSTED_KEY, [b"a.test", b"@l", b"b.test"]) == {b"a.test": b"b x", b"@l": b"9 h"}


def test_a_trail_of_what_applies_were_counted_to(target: Target) -> None:
    """What is not in it is of another history; but nobody can tell of what was counted before it."""
    floor = target.state().applied
    marks = [target.apply(basis_of(target.state()), [change("8 m0")]).counter for _ in range(3)]
    target.repair(basis_of(target.state()), domain_key("a.test"), [Repair(b"b1", None, b"9 m1")], CLOCK)
    state = target.state()
    assert all(map(state.knows, (*marks, floor)))
    assert not any(state.knows(mark) for mark in (floor + 1, marks[-1] + 1) if mark not in marks)
    assert target.renew(lease_basis(target, marks=(floor, *marks)), LIVES)
    for _ in range(100):
        target.apply(basis_of(target.state()), [change("8 m0")])
    state = target.state()
    assert state.floor > marks[-1]
    assert 12 < len(state.trail) < 60


def test_hashes_are_put_in_whole_or_not(target: Target) -> None:
    basis = basis_of(target.state())
    target.install(basis, {"a.test": HASH, "b.test": HASH}, CLOCK)
    target.install(basis, {"c.test": HASH}, replace(CLOCK, version=8))
    target.gather("g", HASH)
    assert target.outcomes() == ["present", "applied", "older"]
    assert target.outcomes() == []
    assert target.install_gathered(basis, "c.test", "g", 9, CLOCK) == "lost"
    assert target.install_gathered(basis, "c.test", "g", 4, CLOCK) == "applied"
    assert target.sizes(["a.test", "b.test", "c.test", "d.test"]) == [4, 4, 4, 0]
    assert sorted(name for some in target.hashed_domains() for name in some) == ["a.test", "b.test", "c.test"]
    assert {name: raw for some in target.scan(domain_key("c.test")) for name, raw in some.items()} == HASH


def test_repairs_only_what_is_as_it_was_seen(target: Target) -> None:
    basis, key = basis_of(target.state()), domain_key("a.test")
    repairs = [Repair(b"b0", b"9 m1", b"9 m0"), Repair(b"@", b"1 d0 - -", b"9 x"), Repair(b"b1", None, b"9 m1")]
    assert target.repair(basis, key, repairs, CLOCK) == 2
    assert target.read_fields(key, [b"b0", b"@", b"b1"]) == {b"b0": b"9 m0", b"@": b"9 d3 - -", b"b1": b"9 m1"}


def test_tombstones_go_and_nothing_is_whole_before_its_time(target: Target) -> None:
    key = domain_key("a.test")
    target.apply(basis_of(target.state()), [change("a x")])
    basis = basis_of(target.state())
    target.seal(basis, key, replace(CLOCK, version=11), {b"b0": b"a x"})  # 11 has not been applied yet
    assert target.read_fields(key, [b"@l", b"b0"]) == {b"@l": b"9 h", b"b0": b"a x"}
    target.seal(basis, key, replace(CLOCK, version=10), {b"b0": b"a x"})
    assert target.read_fields(key, [b"@l", b"b0"]) == {b"@l": b"a h"}


def test_a_domain_that_is_listed_is_not_dropped(target: Target) -> None:
    target.drop(basis_of(target.state()), "a.test")
    assert target.sizes(["a.test"]) == [4]


def test_the_lease(target: Target) -> None:
    assert target.renew(lease_basis(target), LIVES)
    with pytest.raises(Outdated, match="built anew"):
        target.renew(lease_basis(target, build="t"), LIVES)
    for wrong in ({"epoch": "e2"}, {"run_id": "another"}, {"counted": 99}, {"marks": (3, 4)}):
        assert not target.renew(lease_basis(target, **wrong), LIVES)
    target.stop("t")
    assert target.state().is_built
    target.stop(target.state().build)
    assert not target.state().is_built
    assert not target.renew(lease_basis(target), LIVES)


def test_what_is_late_ends_the_lease(target: Target) -> None:
    before, basis = lease_basis(target), basis_of(target.state())
    target.apply(replace(basis, moment_ms=basis.moment_ms - 2000), [change("a m0")])
    with pytest.raises(Outdated, match="late"):
        target.renew(before, LIVES)


def test_one_rebuild_at_a_time_and_none_after_another(target: Target) -> None:
    build = target.state().build
    assert target.begin("u", build) is not None
    assert target.begin("v", "u") is None
    assert not target.go_on("v")
    with pytest.raises(Outdated, match="built anew"):
        target.begin("v", build)
    with pytest.raises(Outdated, match="built anew"):
        target.apply(Basis(build), [change("a m0")])


def test_the_relays_work_over_each_pair(store: Store, empty: Target) -> None:
    store.change()
    list(rebuild(store.source, empty))
    *_, last = audit(store.source, empty, repairs=False)
    assert (last.report.differences, last.report.newer) == ([], {})
    assert last.report.names == last.total > 0
