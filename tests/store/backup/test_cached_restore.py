"""A restore beside a cache: nobody vouches for Redis while it goes on, and what Redis holds then is what came back."""

from pathlib import Path

import pytest

from store.backup import restoring
from store.relay.rebuild import BuiltElsewhere, rebuild
from store.services import aliases
from store.sql.database import Database
from store.wire_format import layout
from tests.store.backup.site import Site
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import SALES, Relaying, known


@pytest.fixture
def cached(site: Site, relaying: Relaying, redis_server: RedisServer) -> Site:
    relaying.settle()
    return Site(site.database, site.url, site.folder, f'cache.url = "{redis_server.url}"')


def names(server: RedisServer) -> set[str]:
    found = known(server, SALES)
    return set(found.names) if found else set()


def test_no_lease_from_before_the_rows_to_after_the_rebuild(
    cached: Site, relaying: Relaying, redis_server: RedisServer
) -> None:
    file = cached.backed_up()
    relaying.change(lambda tx: aliases.remove(tx, str(SALES)))
    relaying.settle()
    with restoring.prepared(cached.url, file, "a test", lambda _done, _total: None) as put:
        assert redis_server.admin.exists(layout.LEASE_KEY)  # as long as nothing is replaced

        def first() -> None:
            for step in (relaying.relay.step, put, relaying.relay.step):
                step()
                assert not redis_server.admin.exists(layout.LEASE_KEY)
            with pytest.raises(BuiltElsewhere, match="another relay is rebuilding"):
                relaying.rebuild()

        for _ in rebuild(relaying.source, relaying.target, first=first):
            assert not redis_server.admin.exists(layout.LEASE_KEY)
    assert relaying.relay.step().is_leased
    assert names(redis_server) == {"sales"}
    assert relaying.differences() == []


def test_the_command(cached: Site, relaying: Relaying, redis_server: RedisServer) -> None:
    file = cached.backed_up()
    relaying.change(lambda tx: aliases.remove(tx, str(SALES)))
    relaying.settle()
    assert names(redis_server) == set()
    done = cached("restore", file, "--replace", "--json")
    assert (done.code, done.data["cache"]) == (0, "rebuilt")
    assert relaying.relay.step().is_leased
    assert names(redis_server) == {"sales"}
    assert relaying.differences() == []


def test_a_cache_that_is_away_is_left_to_the_relay(sqlite_database: Database, sqlite_url: str, tmp_path: Path) -> None:
    site = Site(sqlite_database, sqlite_url, tmp_path, f'cache.url = "unix://{tmp_path}/no.sock"')
    file = site.backed_up()
    done = site("restore", file, "--json")
    assert (done.code, done.data["cache"]) == (0, "pending")
    assert "a relay rebuilds the cache as soon as it can" in done.err


def test_a_lost_backup_costs_no_lease(cached: Site, relaying: Relaying, redis_server: RedisServer) -> None:
    file = cached.backed_up()
    file.write_bytes(file.read_bytes()[:30_000])
    assert cached("restore", file, "--replace").code == 65
    assert relaying.relay.step().is_leased
    assert names(redis_server) == {"sales"}


def test_another_rebuild_is_waited_for(cached: Site, relaying: Relaying, redis_server: RedisServer) -> None:
    file = cached.backed_up()
    assert relaying.target.begin("another", relaying.target.state().build)
    redis_server.admin.pexpire(layout.PREFIX + "building", 900)
    done = cached("restore", file, "--replace", "--json")
    assert (done.code, done.data["cache"]) == (0, "rebuilt")
