"""Who waits for a change is told by the message about it or about a later one, and by nothing else here."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from byname.sandbox.waiting import wait_until
from store.cache import propagation
from store.cache.propagation import PropagationWaiter
from store.services import aliases
from store.sql import outbox
from store.sql.database import Database
from store.wire_format.layout import LIVE_CHANNEL, WAKE_CHANNEL
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import JOHN, Relaying

_LONG = 20.0  # seconds for what takes milliseconds
_NEVER = 60.0


def added(database: Database, address: str) -> int:
    """Add an alias and return the version of that change."""
    with database.write() as tx:
        aliases.add(tx, address, str(JOHN))
    version = outbox.version_of(tx)
    assert version is not None
    return version


@contextmanager
def looks() -> Iterator[list[int]]:
    """Note the version in each look of a waiter into the outbox."""
    seen: list[int] = []

    def note(_connection: object, statement: object, _several: object, parameters: Any, _options: object) -> None:
        if statement is propagation._WAITING:
            seen.append(parameters["version"])

    event.listen(Engine, "before_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_execute", note)


def test_a_later_message_covers_an_earlier_change(
    world: Database, relaying: Relaying, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(propagation, "_SHORTEST", _NEVER)  # no look without a message
    monkeypatch.setattr(propagation, "_LONGEST", _NEVER)
    relaying.settle()
    first, second = added(world, "sales@brand-b.com"), added(world, "info@brand-b.com")
    assert first < second
    admin = redis_server.admin
    with (
        admin.pubsub(ignore_subscribe_messages=True) as heard,
        closing(PropagationWaiter(world, redis_server.url)) as waiter,
        ThreadPoolExecutor() as pool,
        looks() as seen,
    ):
        heard.subscribe(LIVE_CHANNEL, WAKE_CHANNEL)
        waits = [pool.submit(waiter.wait_until_live, version, _NEVER) for version in (first, second)]
        said = iter(heard.listen())
        assert {int(next(said)["data"]) for _ in waits} == {first, second}  # both wait now
        wait_until(lambda: admin.pubsub_numsub(LIVE_CHANNEL)[0][1] == 2, _LONG, "the waiter's subscription")
        admin.publish(LIVE_CHANNEL, first)  # a word that is not true: the outbox is the evidence
        assert int(next(said)["data"]) == first
        wait_until(lambda: seen == [first], _LONG, "a look")
        relaying.settle()  # both in one step, of which the later version is said
        assert int(next(said)["data"]) == second
        assert [wait.result(_LONG) for wait in waits] == ["live", "live"]
    assert sorted(seen) == [first, first, second]
