"""What rests on something that is no longer so is not written: the relay was overtaken, and looks again.

Found by the simulation (tests/faults/simulation.py); here once more over a real Redis and database.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from store.relay.cache_audit import load_missing
from store.relay.rebuild import BuiltElsewhere, audit, load, looked, rebuild
from store.relay.source import Change, Pending
from store.relay.target import Basis, LeaseBasis, Outdated, Repair
from store.sql.database import Database
from store.sql.outbox import Clock
from store.sql.tables import ClockRow, OutboxRow
from store.wire_format.layout import HOSTED_KEY, LEASE_KEY, PREFIX, STATE_KEY, domain_key
from store.wire_format.values import stamped
from tests.store.relay.relaying import LIVES, Relaying, add_sales, pending, seen

CLOCK = Clock(99, "n", "e")
KEY = domain_key("brand-b.com")
HASH = {b"@": b"2r d3 - -", b"@c": b"2r c -", b"@l": b"2r h"}
CHANGE = Change(0, "n", "brand-b.com", "sales", stamped(99, "m1"))

Write = Callable[[Any, Basis], object]
WRITES: dict[str, Write] = {
    "apply": lambda target, basis: target.apply(basis, [CHANGE]),
    "install": lambda target, basis: target.install(basis, {"new.org": HASH}, CLOCK),
    "install_gathered": lambda target, basis: target.install_gathered(basis, "new.org", "t", len(HASH), CLOCK),
    "repair": lambda target, basis: target.repair(basis, KEY, [Repair(b"sales", None, b"2r m1")], CLOCK),
    "seal": lambda target, basis: target.seal(basis, KEY, CLOCK, {}),
    "drop": lambda target, basis: target.drop(basis, "stray.org"),
}


def content(own: Relaying) -> dict[bytes, dict[bytes, bytes]]:
    """Everything but the relay's own notes."""
    admin: Any = own.server.admin
    return {key: admin.hgetall(key) for key in [HOSTED_KEY.encode(), *admin.keys(domain_key("*"))]}


@pytest.mark.parametrize("reason", ["built anew", "lost changes"])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_nothing_is_written_on_an_old_basis(world: Database, relaying: Relaying, write: Write, reason: str) -> None:
    """As by a relay that was frozen: the database was restored since, or Redis failed over there and back."""
    basis = relaying.basis()
    relaying.server.admin.hset(domain_key("stray.org"), "@", "1 d3 - -")
    relaying.target.gather("t", HASH)
    if reason == "built anew":
        relaying.rebuild()
        relaying.settle()
        relaying.server.admin.hset(domain_key("stray.org"), "@", "1 d3 - -")
    else:
        relaying.server.admin.hincrby(STATE_KEY, "applied", -1)
    before = content(relaying)
    with pytest.raises(Outdated, match=reason):
        write(relaying.target, basis)
        relaying.target.outcomes()
    assert content(relaying) == before


def overtaken(relaying: Relaying, what: Callable[[], object]) -> None:
    """Let ``what`` happen between the relay's read of SQL and what it does then."""
    whole = relaying.source.pending

    def slow(limit: int, version: int) -> Pending:
        found = whole(limit, version)
        relaying.source.pending = whole  # type: ignore[method-assign]
        what()
        return found

    relaying.source.pending = slow  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("is_change", [True, False])
def test_a_step_that_a_rebuild_overtook_is_begun_anew(world: Database, relaying: Relaying, is_change: bool) -> None:
    if is_change:
        relaying.change(add_sales)
    overtaken(relaying, lambda: relaying.rebuild())
    step = relaying.relay.step()
    assert (step.applied, step.is_leased, step.is_all, step.distrust) == ((), False, False, None)
    assert not relaying.server.admin.exists(LEASE_KEY)
    assert relaying.relay.step().is_leased
    assert relaying.differences() == []


@pytest.mark.parametrize("is_change", [True, False])
def test_a_failover_there_and_back_hides_no_lost_write(world: Database, relaying: Relaying, is_change: bool) -> None:
    """The same run of Redis, without the last write, though it was seen and marked."""
    relaying.change(add_sales)
    relaying.settle()
    admin: Any = relaying.server.admin
    applied = int(admin.hget(STATE_KEY, "applied"))
    if is_change:
        relaying.change(lambda tx: add_sales(tx, "more@brand-b.com"))

    def lose() -> None:
        admin.hset(STATE_KEY, "applied", applied - 1)
        admin.hdel(KEY, "sales")

    overtaken(relaying, lose)
    step = relaying.relay.step()
    assert (step.applied, step.is_leased) == ([] if not is_change else (), False)
    assert relaying.relay.step().distrust is not None
    relaying.settle()
    assert relaying.differences() == []


def test_a_mark_is_for_the_row_and_not_for_its_id(world: Database, relaying: Relaying) -> None:
    """After a restore another change may have the id."""
    relaying.change(add_sales)
    found = relaying.source.pending(10, 0)
    (change,) = found.changes
    with world.write() as tx:
        tx.execute(update(OutboxRow).where(OutboxRow.id == change.id).values(nonce="another"))
    relaying.source.mark([change], 99, found.clock)
    assert [row.id for row in pending(world)] == [change.id]


def test_who_looked_later_goes_ahead_before_it_is_done(world: Database, relaying: Relaying) -> None:
    """What an earlier look found and a later one did not, is gone with a restore: it does not come in any more."""
    earlier = relaying.basis()
    time.sleep(0.005)
    relaying.target.apply(relaying.basis(), [])
    with pytest.raises(Outdated, match="looked later"):
        relaying.target.apply(earlier, [CHANGE])


def test_what_an_earlier_look_would_put_right_stays(world: Database, relaying: Relaying) -> None:
    """Its snapshot may be from before a restore, and what is there be of the history after it."""
    earlier = relaying.basis()
    time.sleep(0.005)
    assert relaying.relay.step().is_leased
    with pytest.raises(Outdated, match="looked later"):
        relaying.target.repair(earlier, KEY, [Repair(b"ghost", None, b"2r m1")], CLOCK)
    assert seen(relaying.server, "brand-b.com", "ghost") is None


def test_an_audit_puts_nothing_back_that_a_restore_took_away(world: Database, relaying: Relaying) -> None:
    """Its snapshot was taken before. What Redis has by now looks older, and is right."""
    relaying.change(add_sales)
    relaying.settle()
    auditing = audit(relaying.source, relaying.target, repairs=True)
    next(auditing)
    with world.write() as tx:  # as of a copy that went on from before that change
        tx.execute(update(OutboxRow).values(nonce="another"))
        tx.execute(update(ClockRow).values(nonce="another"))
    relaying.server.admin.hset(KEY, "sales", stamped(2, "x"))
    with pytest.raises(Outdated, match="restored"):
        list(auditing)
    assert seen(relaying.server, "brand-b.com", "sales") == stamped(2, "x")


def test_a_load_does_not_hide_that_the_database_was_restored(world: Database, relaying: Relaying) -> None:
    """It would be the first that Redis sees of the new history, and what Redis holds of the lost one look newer."""
    relaying.change(add_sales)
    relaying.settle()
    basis, clock = looked(relaying.source, relaying.target)
    relaying.server.admin.delete(KEY)
    with world.write() as tx:  # as of a copy that went on from before that change, and further
        tx.execute(update(OutboxRow).values(nonce="another"))
        tx.execute(update(ClockRow).values(nonce="another", version=ClockRow.version + 1))
    with pytest.raises(Outdated, match="restored"):
        load(relaying.source, relaying.target, basis, clock, {"brand-b.com"})
    with pytest.raises(Outdated, match="restored"):
        load_missing(relaying.source, relaying.target)
    assert not relaying.server.admin.exists(KEY)
    assert relaying.relay.step().distrust is not None


@pytest.mark.parametrize(("other_wrote", "applied"), [(False, 1), (True, 0)])
def test_older_than_what_came_in_meanwhile_is_not_done(
    world: Database, relaying: Relaying, other_wrote: bool, applied: int
) -> None:
    """It may have come from before a restore. What was newer at the look already is no surprise."""
    relaying.change(add_sales)
    admin: Any = relaying.server.admin

    def write() -> None:
        admin.hset(KEY, "sales", stamped(1000, "m1"))
        if other_wrote:
            admin.hincrby(STATE_KEY, "applied", 1)

    overtaken(relaying, write)
    step = relaying.relay.step()
    assert len(step.applied) == applied
    assert step.is_leased is not other_wrote


def test_no_rebuild_after_another(world: Database, relaying: Relaying) -> None:
    """Two relays saw the same; the second does not begin again when the first is through."""
    admin: Any = relaying.server.admin
    admin.hset(STATE_KEY, "run", "another")
    step = relaying.relay.step()
    assert step.distrust is not None
    relaying.rebuild()
    assert relaying.relay.step().is_leased
    with pytest.raises(BuiltElsewhere):
        list(rebuild(relaying.source, relaying.target, step.state.build))
    relaying.target.stop(step.state.build)
    assert admin.exists(LEASE_KEY)
    assert not admin.exists(PREFIX + "building")


def test_a_build_that_was_not_finished_is_another(world: Database, relaying: Relaying) -> None:
    under_way = rebuild(relaying.source, relaying.target)
    next(under_way)
    during = relaying.target.state().build
    list(under_way)
    relaying.target.stop(during)
    assert relaying.relay.step().is_leased


def test_what_comes_in_late_ends_the_lease(world: Database, relaying: Relaying) -> None:
    """It may be older than the lease allows, so somebody must look at both again; who looked before does not count."""
    state = relaying.target.state()
    basis = Basis(state.build, state.applied, state.now_ms - 1500)
    with pytest.raises(Outdated, match="looked later"):  # and found nothing: it is applied, or gone with a restore
        relaying.target.apply(basis, [CHANGE])
    relaying.server.admin.hdel(STATE_KEY, "vouched")
    relaying.target.apply(basis, [CHANGE])
    assert seen(relaying.server, "brand-b.com", "sales") == CHANGE.value
    assert not relaying.server.admin.exists(LEASE_KEY)
    lease_basis = LeaseBasis(state.build, state.run_id, state.epoch, state.applied, (), state.now_ms)
    with pytest.raises(Outdated, match="late"):
        relaying.target.renew(lease_basis, LIVES)
    relaying.settle()


def test_a_hash_that_no_list_tells_of_is_from_before(world: Database, relaying: Relaying) -> None:
    """A domain that went and came back does not come with the names that it had."""
    admin = relaying.server.admin
    admin.hset(HOSTED_KEY, "brand-b.com", stamped(2, "x"))
    admin.hset(KEY, "ghost", stamped(2, "m1"))
    back = Change(0, "n", "brand-b.com", "", stamped(99, "h"))
    assert relaying.apply([back]).outcomes == ["load"]
    assert not admin.exists(KEY)


def test_a_hash_goes_with_its_place_in_a_list_that_is_not_whole(world: Database, relaying: Relaying) -> None:
    admin = relaying.server.admin
    admin.hset(HOSTED_KEY, "brand-b.com", stamped(2, "x"))
    admin.hdel(HOSTED_KEY, "@l")
    relaying.target.drop(relaying.basis(), "brand-b.com")
    assert not admin.exists(KEY)
