"""What the simulation (tests/faults/simulation.py) found in the relay, once more over a real Redis and database."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from routing.directory import LookupFailed
from store.relay import steps
from store.relay.rebuild import load, looked
from store.relay.source import Change
from store.services import aliases, domains
from store.sql.database import Database
from store.sql.tenant import Transaction
from store.wire_format.layout import HOSTED_KEY, LEASE_KEY, STATE_KEY, domain_key
from store.wire_format.values import stamped
from tests.store.directory_contract import JOHN, base
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import SALES, Relaying, another, known, seen

B = "brand-b.com"
Copy = dict[bytes, tuple[int, bytes]]  # by key: ms that it lives (0: for ever), content


def add_new(tx: Transaction) -> None:
    aliases.add(tx, f"new@{B}", str(JOHN))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def relay(server: RedisServer, database: Database) -> Iterator[Relaying]:
    server.admin.flushall()
    with closing(Relaying(database, server)) as opened:
        opened.change(base)
        opened.settle()
        yield opened


def test_a_domain_that_is_gone_by_now_is_not_asked_for_again(relay: Relaying) -> None:
    """Else its changes, from when it was hosted, answer "load" for ever, and with enough of them nothing goes on."""
    new = relay.source.pending(1, 0).clock.version + 1
    changes = [
        Change(0, "n", "gone.test", "", stamped(new, "h")),
        Change(0, "n", "gone.test", "john", stamped(new, "m1")),
    ]
    for can_send in (True, False):  # so that SQL is further than those
        relay.change(lambda tx, can_send=can_send: aliases.update(tx, "sales@brand-b.com", can_send=can_send))  # type: ignore[misc]
    assert relay.apply(changes).outcomes == ["load", "load"]
    load(relay.source, relay.target, *looked(relay.source, relay.target), {"gone.test"})
    assert relay.apply(changes).outcomes == ["older", "older"]
    assert not relay.server.admin.exists(domain_key("gone.test"))


def test_a_domain_that_cannot_be_noted_as_gone_does_not_go_round_for_ever(
    relay: Relaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its changes ask for it to be loaded; without the list nothing else tells that it is time for a rebuild."""
    monkeypatch.setattr(steps, "BATCH", 1)  # or more of its changes than one look finds
    relay.change(add_new, lambda tx: domains.remove(tx, B, confirmed=True))
    relay.server.admin.delete(HOSTED_KEY, domain_key(B))
    relay.settle()
    assert relay.differences() == []


@pytest.mark.parametrize("is_newer", [False, True])
def test_a_name_that_went_with_its_domain_is_not_brought_back_after_a_rebuild(relay: Relaying, is_newer: bool) -> None:
    """The list is made anew, so the removal is too old for it, and takes the hash away no more.

    Nor where the rebuild looks a second time, for the hash has a value that is newer than what SQL says.
    """
    relay.change(lambda tx: aliases.remove(tx, str(SALES)))
    relay.settle()
    relay.audit()  # so that the hash is as a new domain's is, without a tombstone
    with relay.database.read() as tx:
        account = domains.get(tx, B).account
    relay.change(
        add_new,
        lambda tx: domains.remove(tx, B, confirmed=True),
        lambda tx: domains.add(tx, B, account=account, verified=True),
    )
    relay.server.admin.delete(HOSTED_KEY)
    if is_newer:
        relay.server.admin.delete(STATE_KEY)
        relay.server.admin.hset(domain_key(B), "@c", stamped(9999, "c -"))
    relay.rebuild()
    relay.settle()
    assert (seen(relay.server, B, "new") or "x").endswith("x")
    assert relay.differences() == []


def test_a_domain_of_a_lost_future_that_is_hosted_before_the_second_look(
    relay: Relaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one did not compare its hash, for SQL did not have it and the list did: it must be by the second."""
    with relay.database.read() as tx:
        account = domains.get(tx, B).account
    admin, key, taken = relay.server.admin, domain_key("again.test"), relay.source.snapshot
    admin.hset(HOSTED_KEY, "again.test", stamped(9999, "h"))
    ghost = {"@": stamped(9999, "d3 - -"), "ghost": stamped(3, "m1"), "late": stamped(9999, "m1")}
    admin.hset(key, mapping={**ghost, "@c": stamped(3, "c -"), "@l": stamped(3, "h")})
    admin.delete(STATE_KEY, LEASE_KEY)
    snapshots = iter((lambda: None, lambda: hosted("again.test")))

    def hosted(name: str) -> None:
        relay.change(lambda tx: domains.add(tx, name, account=account, verified=True))

    def snapshot() -> Any:
        next(snapshots, lambda: None)()
        return taken()

    monkeypatch.setattr(relay.source, "snapshot", snapshot)
    relay.settle()
    assert next(snapshots, None) is None
    assert {(seen(relay.server, "again.test", one) or "x")[-1] for one in ("ghost", "late")} == {"x"}
    assert relay.differences() == []


def copied(server: RedisServer) -> Copy:
    admin: Any = server.admin
    return {key: (max(0, admin.pttl(key)), admin.dump(key)) for key in admin.scan_iter()}


def go_back(server: RedisServer, copy: Copy) -> None:
    """Become what it was, in place, as a former replica that lagged makes it: the run stays the same."""
    server.admin.flushall()
    for key, (lives, content) in copy.items():
        server.admin.restore(key, lives, content)


@pytest.mark.parametrize("writes", [1, 3])
def test_a_redis_that_lost_writes_is_not_trusted_for_as_many_others(relay: Relaying, writes: int) -> None:
    """Those of a relay that looked before; the change that is lost must not be missing while there is a lease."""
    relay.change(add_new)
    with another(relay) as other:
        basis, found = other.basis(), other.source.pending(9, 0)
        before = copied(relay.server)
        relay.change(lambda tx: aliases.remove(tx, str(SALES)))
        assert relay.settle().is_leased
        go_back(relay.server, before)
        for _ in range(writes):
            counter = other.target.apply(basis, found.changes).counter
            other.source.mark(found.changes, counter, found.clock)
        assert seen(relay.server, B, "sales") is not None
        assert other.relay.step().distrust == "it has lost changes"
        with pytest.raises(LookupFailed):
            known(relay.server, SALES)
    assert relay.settle().is_leased
    assert relay.differences() == []


@pytest.mark.parametrize("older", ["it built the cache", "it writes beside this one"])
def test_a_relay_of_an_older_release_leaves_no_trail_and_is_believed(relay: Relaying, older: str) -> None:
    """It counts by one, and nobody can tell whether that is lost: no worse than before, and no rebuild."""
    admin: Any = relay.server.admin
    relay.change(add_new)
    relay.settle()
    relay.change(lambda tx: aliases.remove(tx, str(SALES)))
    found = relay.source.pending(9, 0)
    relay.apply(found.changes)
    if older == "it built the cache":
        admin.hdel(STATE_KEY, "trail")
        counter = admin.hget(STATE_KEY, "applied")
    else:
        counter = admin.hincrby(STATE_KEY, "applied", 1)
    relay.source.mark(found.changes, int(counter), found.clock)
    assert relay.relay.step().is_leased
    relay.change(lambda tx: aliases.remove(tx, f"new@{B}"))
    assert relay.relay.step().is_leased
    assert relay.differences() == []


def test_a_list_that_is_not_what_was_looked_at_is_not_called_whole(relay: Relaying) -> None:
    with relay.source.snapshot() as snapshot:
        relay.server.admin.delete(HOSTED_KEY)
        relay.target.seal(relay.basis(), HOSTED_KEY, snapshot.clock, {}, least=3)
    assert not relay.server.admin.exists(HOSTED_KEY)


def test_an_old_snapshot_does_not_bring_a_domain_back_once_it_was_changed(relay: Relaying) -> None:
    with relay.source.snapshot() as snapshot:
        old = snapshot.clock
    relay.change(lambda tx: aliases.remove(tx, "sales@brand-b.com"))
    relay.settle()
    relay.server.admin.delete(domain_key("brand-b.com"))
    raw = {b"@": b"1 d3 - -", b"@c": b"1 c -", b"sales": b"1 a7 7john@brand-a.com"}
    relay.target.install(relay.basis(), {"brand-b.com": raw}, old)
    assert relay.target.outcomes() == ["older"]


def test_values_of_a_lost_future_do_not_outlive_a_rebuild(relay: Relaying) -> None:
    """The database was restored, and what Redis knew of it is gone: nothing there may be newer than what comes."""
    admin = relay.server.admin
    key = domain_key("brand-b.com")
    admin.hset(key, mapping={"sales": stamped(9999, "x"), "@c": stamped(9999, "c -"), "@l": stamped(9999, "h")})
    admin.delete(STATE_KEY, LEASE_KEY)
    relay.settle()
    assert relay.differences() == []
    relay.change(lambda tx: aliases.update(tx, "sales@brand-b.com", can_send=True))
    relay.change(lambda tx: aliases.add(tx, "new@brand-b.com", str(JOHN)))
    relay.settle()
    assert relay.differences() == []
