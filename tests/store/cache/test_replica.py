"""A replica of Redis is evidence while its primary's word for it lasts, and only for what that word is about."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from byname.sandbox.ports import LOOPBACK
from byname.sandbox.waiting import wait_until
from routing.memory_directory import SilentDirectory
from store.cache.connection import open_pool
from store.cache.directory import RedisDirectory
from store.cache.fallback import FallbackDirectory
from store.cache.metrics import DirectoryMetrics
from store.cache.replica import ReplicaDirectory, Witness
from store.wire_format import layout
from tests.store.cache.filled_cache import fill, vouch
from tests.store.redis_server import RedisServer
from tests.unit import sample_site
from tests.unit.sample_site import DOMAINS

JOHN = sample_site.JOHN.address
_NOBODY = "9"  # a port on which no primary listens
_AT_ONCE = ("--repl-diskless-sync-delay", "0")


@contextmanager
def started(*options: str) -> Iterator[RedisServer]:
    server = RedisServer(*options)
    server.start()
    try:
        yield server
    finally:
        server.remove()


def follow(replica: RedisServer, primary: RedisServer) -> None:
    """Let a server replicate another, and wait until it does."""
    replica.admin.replicaof(LOOPBACK, primary.port)
    wait_until(lambda: replica.admin.info("replication").get("master_link_status") == "up", 10, "a replica")


def cut_off(replica: RedisServer) -> None:
    replica.admin.replicaof(LOOPBACK, _NOBODY)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[RedisServer, RedisServer]]:
    with started(*_AT_ONCE) as primary, started(*_AT_ONCE) as replica:
        yield primary, replica


@pytest.fixture
def primary(servers: tuple[RedisServer, RedisServer]) -> RedisServer:
    """A primary that a relay has filled and vouches for."""
    fill(servers[0], DOMAINS)
    return servers[0]


@pytest.fixture
def replica(servers: tuple[RedisServer, RedisServer], primary: RedisServer) -> RedisServer:
    """A replica of it."""
    follow(servers[1], primary)
    return servers[1]


class Beside:
    """A directory in a replica whose witness looks when the test says so."""

    def __init__(self, primary: RedisServer, replica: RedisServer) -> None:
        pools = [open_pool(server.url, timeout=1, connections=8) for server in (primary, replica, replica)]
        self.witness = Witness(*pools[:2])
        self.directory = ReplicaDirectory(self.witness, pools[2])

    def knows_john(self) -> bool | None:
        """Return whether John is a name; None for no evidence."""
        facts = self.directory.fresh([JOHN])
        return None if facts is None else JOHN.local in facts[JOHN.domain].names

    def look(self) -> bool | None:
        """Look until the replica has come as far, and return whether John is a name then."""
        wait_until(self._has_word, 10, "the primary's word")
        return self.knows_john()

    def _has_word(self) -> bool:
        self.witness.look()
        return self.knows_john() is not None

    def close(self) -> None:
        self.directory.close()


@pytest.fixture
def beside(primary: RedisServer, replica: RedisServer) -> Iterator[Beside]:
    with closing(Beside(primary, replica)) as opened:
        yield opened


def forget_john(server: RedisServer) -> None:
    server.admin.hdel(layout.domain_key(JOHN.domain), JOHN.local)


def test_nobody_vouches_before_the_first_look(beside: Beside) -> None:
    assert beside.knows_john() is None


def test_a_replica_is_evidence_once_it_has_come_as_far(primary: RedisServer, beside: Beside) -> None:
    forget_john(primary)
    assert beside.look() is False


def test_a_replica_that_is_cut_off_counts_until_the_lease_ends(
    primary: RedisServer, replica: RedisServer, beside: Beside
) -> None:
    vouch(primary, 3)
    assert beside.look() is True
    cut_off(replica)
    replica.admin.config_set("replica-read-only", "no")
    replica.admin.persist(layout.LEASE_KEY)  # as with a clock that stands still: it does not count
    replica.admin.config_set("replica-read-only", "yes")
    assert beside.knows_john() is True
    wait_until(lambda: beside.knows_john() is None, 5, "the end of the lease")


def test_a_replica_that_is_behind_is_no_evidence(primary: RedisServer, replica: RedisServer, beside: Beside) -> None:
    cut_off(replica)
    forget_john(primary)
    beside.witness.look()
    assert beside.knows_john() is None


def test_a_primary_without_a_lease_vouches_for_no_replica(primary: RedisServer, beside: Beside) -> None:
    assert beside.look() is True
    primary.admin.delete(layout.LEASE_KEY)
    beside.witness.look()
    assert beside.knows_john() is None


def test_another_primary_that_holds_a_copy_of_the_lease(
    primary: RedisServer, replica: RedisServer, beside: Beside
) -> None:
    """One that was promoted without the last writes has the former one's lease, and the replica follows it now."""
    with started(*_AT_ONCE) as promoted:
        follow(promoted, primary)
        promoted.admin.replicaof("NO", "ONE")
        forget_john(primary)
        assert beside.look() is False
        follow(replica, promoted)
        assert replica.admin.get(layout.LEASE_KEY) == primary.admin.get(layout.LEASE_KEY)
        assert beside.knows_john() is None
        beside.witness.look()
        assert beside.knows_john() is None


def test_a_replica_that_was_restarted_from_an_older_file(primary: RedisServer) -> None:
    with started(*_AT_ONCE) as own, closing(Beside(primary, own)) as beside:
        follow(own, primary)
        own.admin.save()
        forget_john(primary)
        assert beside.look() is False
        own.kill()
        own.start(more=("--replicaof", LOOPBACK, _NOBODY))
        assert own.admin.hget(layout.domain_key(JOHN.domain), JOHN.local)
        assert beside.knows_john() is None


def test_the_replica_is_asked_first_and_the_primary_for_what_it_cannot_vouch_for(
    primary: RedisServer, replica: RedisServer
) -> None:
    registry = CollectorRegistry()

    def answered(source: str) -> float | None:
        return registry.get_sample_value("byname_lookups_total", {"source": source})

    cache, near = RedisDirectory.open(primary.url), ReplicaDirectory.open(primary.url, replica.url)
    with closing(FallbackDirectory(cache, SilentDirectory(), DirectoryMetrics(registry), near)) as directory:
        wait_until(lambda: near.fresh([JOHN]), 5, "the primary's word")
        assert JOHN.local in directory.lookup([JOHN])[JOHN.domain].names
        assert (answered("replica"), answered("cache")) == (1, 0)
        cut_off(replica)
        replica.kill()
        assert JOHN.local in directory.lookup([JOHN])[JOHN.domain].names
        assert (answered("replica"), answered("cache")) == (1, 1)
        replica.start()


def test_the_log_says_from_when_and_why_a_replica_is_not_believed(primary: RedisServer, replica: RedisServer) -> None:
    with capture_logs() as lines, closing(ReplicaDirectory.open(primary.url, replica.url)) as directory:
        vouch(primary)
        wait_until(lambda: directory.fresh([JOHN]) is not None, 10, "a replica that is believed")
        cut_off(replica)
        primary.admin.set("another", "write")
        wait_until(lambda: any(line["event"] == "replica-not-believed" for line in lines), 10, "a line")
        follow(replica, primary)
        wait_until(lambda: lines[-1]["event"] == "replica-believed", 10, "another line")
    (told,) = [line for line in lines if line["event"] == "replica-not-believed"]
    assert told["reason"] == "the replica is behind"
