"""The relay's step over real servers: what it does, crashes within it, two relays at once."""

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from routing.directory import LookupFailed
from routing.records import Alias, HostedDomain, Mailbox
from store.cache.directory import RedisDirectory
from store.errors import StoreUnavailable
from store.relay.source import Change
from store.services import aliases, mailboxes
from store.sql.database import Database
from store.sql.tenant import Transaction
from store.wire_format import layout
from store.wire_format.lease import lease_text
from tests.store.directory_contract import CONTRACT, Fill
from tests.store.relay.relaying import JOHN, SALES, Crash, Relaying, add_sales, another, known, lease_left, pending


@pytest.mark.parametrize("case", CONTRACT, ids=lambda case: case.__name__)
def test_the_contract_of_directories_through_the_relay(
    case: Callable[[RedisDirectory, Fill], None], relaying: Relaying
) -> None:
    def fill(change: Callable[[Transaction], object]) -> None:
        relaying.change(change)
        assert any(relaying.relay.step().is_leased for _ in range(3))  # a busy machine may be late once

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


@pytest.mark.parametrize("rubbish", ["nothing", "no @", "a string"])
def test_a_hash_is_never_made_bit_by_bit(world: Database, relaying: Relaying, rubbish: str) -> None:
    admin, key = relaying.server.admin, layout.domain_key("brand-a.com")
    admin.delete(key)
    if rubbish == "no @":
        admin.hset(key, "stranger", "1 m1")
    if rubbish == "a string":
        admin.set(key, "x")
    change = Change(0, "n", "brand-a.com", "new", "7 m1")
    assert relaying.apply([change]).outcomes == ["load"]
    assert not admin.exists(key) or rubbish != "nothing"
    with pytest.raises(LookupFailed):
        known(relaying.server, JOHN)
    relaying.change(lambda tx: aliases.add(tx, "shop@brand-a.com", str(JOHN)))
    assert any(relaying.relay.step().is_leased for _ in range(3))  # a busy machine may be late once
    assert known(relaying.server, JOHN) is not None
    assert relaying.differences() == []


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


def test_another_relay_between_two_reads_has_lost_nothing(world: Database, relaying: Relaying) -> None:
    """Between each reading of Redis and of SQL another relay applies and marks a change, however often it is looked."""
    place: Any = relaying.source
    whole, rounds = place.pending, iter(range(10))
    with another(relaying) as other:

        def overtaken(*arguments: Any) -> Any:
            is_active = bool(next(rounds) % 2)
            relaying.change(lambda tx: mailboxes.update(tx, str(JOHN), is_active=is_active))
            assert other.relay.step().is_leased
            return whole(*arguments)

        place.pending = overtaken
        step = relaying.relay.step()
        assert (step.distrust, step.is_leased, step.is_all) == (None, False, False)
        place.pending = whole
    assert relaying.relay.step().is_leased
    assert relaying.differences() == []


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
    for round_ in range(25):
        relaying.change(add_sales if round_ % 2 == 0 else lambda tx: aliases.remove(tx, str(SALES)))
        relaying.change(lambda tx, round_=round_: mailboxes.update(tx, str(JOHN), is_active=bool(round_ % 2)))  # type: ignore[misc]
    ended.set()
    for thread in threads:
        thread.join()
    relaying.settle()
    assert problems == []
    assert relaying.differences() == []
