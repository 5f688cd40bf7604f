"""What a change says about the mail servers: over a real Redis and relay, and without a cache."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from store.cache.directory import RedisDirectory
from store.cache.propagation import PropagationWaiter
from store.sql.database import Database
from tests.api.running_api import RunningApi, site_over
from tests.api.tenants import Tenant, tenant
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import Relaying


@contextmanager
def working(relaying: Relaying) -> Iterator[None]:
    """Let the relay work for the length of a block."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            relaying.relay.step()
            ended.wait(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def cached(sqlite_api: Database, redis_server: RedisServer) -> Iterator[tuple[Tenant, Relaying]]:
    relaying = Relaying(sqlite_api, redis_server)
    cache = RedisDirectory.open(redis_server.url)
    with closing(PropagationWaiter(sqlite_api, redis_server.url)) as waiter, closing(relaying), closing(cache):
        running = RunningApi(site_over(sqlite_api, wait=waiter.wait_until_live, cache=cache))
        owner = tenant(running)
        relaying.settle()
        yield owner, relaying
        running.close()


def explained(owner: Tenant, local_part: str) -> list[object]:
    asked = {"address": f"{local_part}@{owner.other}"}
    told = owner.client.get("/explain/recipient", params=asked).json()["data"]
    return [told[name] for name in ("verdict", "cache", "sql", "agree")]


def test_a_change_is_live_when_the_cache_holds_it(cached: tuple[Tenant, Relaying]) -> None:
    owner, relaying = cached
    with working(relaying):
        made = owner.add("sales")
        assert made.headers["Byname-Propagation"] == "live"
        assert explained(owner, "sales") == ["deliver", "deliver", "deliver", True]
        path = f"/mailboxes/{owner.mailbox_id}/aliases/{made.json()['data']['id']}"
        assert owner.client.patch(path, json={"is_active": False}).headers["Byname-Propagation"] == "live"
        assert explained(owner, "sales") == ["reject", "reject", "reject", True]
        assert owner.client.delete(path).headers["Byname-Propagation"] == "live"


def test_a_change_is_pending_without_a_relay(cached: tuple[Tenant, Relaying]) -> None:
    owner, relaying = cached
    assert owner.add("sales").headers["Byname-Propagation"] == "pending"
    assert explained(owner, "sales")[1:] in (["reject", "deliver", False], ["defer", "deliver", None])
    relaying.settle()
    assert explained(owner, "sales") == ["deliver", "deliver", "deliver", True]


def test_what_no_decision_sees_is_live_at_once(cached: tuple[Tenant, Relaying]) -> None:
    owner, _ = cached
    answer = owner.client.patch(f"/mailboxes/{owner.mailbox_id}", json={"display_name": "John"})
    assert answer.headers["Byname-Propagation"] == "live"


def test_without_a_cache_every_change_is_live(acme: Tenant) -> None:
    assert acme.add("sales").headers["Byname-Propagation"] == "live"
