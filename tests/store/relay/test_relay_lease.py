"""When the lease is given, from when it counts, and what ends it."""

import time
from contextlib import closing
from typing import Any

import pytest

from store.errors import CacheUnavailable, StoreUnavailable
from store.relay.steps import Relay
from store.relay.target import Lifetimes
from store.sql.database import Database
from store.sql.pool_profiles import RELAY_READ, RELAY_WRITE
from store.wire_format import layout
from tests.store.directory_contract import base
from tests.store.postgres_server import PostgresServer
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import LIVES, Crash, Relaying, add_sales, crash, lease_left


def test_the_lease_counts_from_before_sql_was_read(world: Database, relaying: Relaying) -> None:
    """A relay that was stopped between the two gives what is left of the lease, if anything."""
    whole = relaying.source.pending

    def slow(*arguments: Any) -> Any:
        found = whole(*arguments)
        time.sleep(0.4)
        return found

    relaying.relay = Relay(relaying.source, relaying.target, Lifetimes(1, 60, 30))
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
        closing(Relaying(database, redis_server, Lifetimes(2, 60, 30))) as own,
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
    sqlite_database: Database, redis_server: RedisServer, policy: str, is_leased: bool
) -> None:
    with closing(Relaying(sqlite_database, redis_server)) as own:
        own.settle()
        redis_server.admin.delete(layout.LEASE_KEY)
        redis_server.admin.config_set("maxmemory-policy", policy)
        assert own.relay.step().is_leased is is_leased
        assert bool(redis_server.admin.exists(layout.LEASE_KEY)) is is_leased


def test_a_full_redis_keeps_the_lease_while_nothing_changes(
    sqlite_database: Database, redis_server: RedisServer
) -> None:
    admin = redis_server.admin
    with closing(Relaying(sqlite_database, redis_server)) as own:
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


def test_a_renewal_never_shortens_nor_lasts_too_long(world: Database, relaying: Relaying) -> None:
    admin = relaying.server.admin
    admin.pexpire(layout.LEASE_KEY, 3_600_000)  # as after a jump of Redis's clock
    assert relaying.relay.step().is_leased
    assert lease_left(relaying.server) <= 5
    assert LIVES.lease == 5
