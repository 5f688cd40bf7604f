"""A cache before a real PostgreSQL that is stopped dead: what is known holds for the grace, nothing waits too long."""

import threading
import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from routing.address import Address
from routing.directory import LookupFailed
from routing.policy import Policy
from routing.recipient import resolve
from routing.sender import authorise
from routing.verdicts import Allow, Defer, Deliver, NotOurs, Reject
from store.cache.directory import RedisDirectory
from store.cache.fallback import FallbackDirectory
from store.cache.metrics import DirectoryMetrics
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.wire_format import layout
from tests.store.cache.filled_cache import mirror
from tests.store.directory_contract import JOHN, SALES, base
from tests.store.postgres_server import PostgresServer
from tests.store.redis_server import RedisServer
from tests.store.timing import within

UNKNOWN = Address("nobody", "brand-a.com")
OUTSIDE = Address("x", "elsewhere.org")
LONGEST = 2.0  # seconds for a decision, whatever happens (docs/design.md, section 6)


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def directory(postgres: PostgresServer, postgres_url: str, redis_server: RedisServer) -> Iterator[FallbackDirectory]:
    """Both backends hold the same small world."""
    database = Database.open(postgres_url)
    with database.write() as tx:
        base(tx)
    mirror(redis_server, database)
    both = FallbackDirectory(
        RedisDirectory.open(redis_server.url), SqlDirectory(database), DirectoryMetrics(CollectorRegistry())
    )
    yield both
    both.close()
    database.close()


@pytest.fixture
def stopped(directory: FallbackDirectory, postgres: PostgresServer, redis_server: RedisServer) -> Iterator[None]:
    """PostgreSQL stopped dead, after it was asked once so that connections to it are open."""
    redis_server.admin.rename(layout.LEASE_KEY, "aside")
    directory.lookup([JOHN])
    redis_server.admin.rename("aside", layout.LEASE_KEY)
    postgres.freeze()
    yield
    postgres.thaw()


def rule(directory: FallbackDirectory, address: Address) -> tuple[type, str]:
    with within(LONGEST):
        verdict = resolve(directory, Policy(), address, time.time())
    return type(verdict), verdict.rule


@pytest.mark.usefixtures("stopped")
def test_a_healthy_cache_needs_no_sql(directory: FallbackDirectory) -> None:
    for _ in range(100):
        assert rule(directory, JOHN) == (Deliver, "mailbox")
        assert rule(directory, SALES) == (Deliver, "alias")
        assert rule(directory, UNKNOWN) == (Reject, "unknown")
        assert rule(directory, OUTSIDE)[0] is NotOurs
    assert directory.health() == {"cache": "ok", "sql": "timeout"}


@pytest.mark.usefixtures("stopped")
def test_grace(directory: FallbackDirectory, redis_server: RedisServer) -> None:
    redis_server.admin.delete(layout.LEASE_KEY)
    for _ in range(3):
        assert rule(directory, JOHN) == (Deliver, "mailbox")
        assert rule(directory, SALES) == (Deliver, "alias")
        assert rule(directory, UNKNOWN) == (Defer, "no-evidence")
        assert rule(directory, OUTSIDE)[0] is NotOurs
    assert isinstance(authorise(directory, Policy(), str(JOHN), [JOHN], time.time()), Allow)
    assert isinstance(authorise(directory, Policy(), str(JOHN), [SALES], time.time()), Defer)  # a refusal
    redis_server.admin.delete(layout.SENDER_GRACE_KEY)
    assert isinstance(authorise(directory, Policy(), str(JOHN), [JOHN], time.time()), Defer)
    assert rule(directory, JOHN) == (Deliver, "mailbox")
    redis_server.admin.delete(layout.GRACE_KEY)
    assert rule(directory, JOHN) == (Defer, "no-evidence")
    assert rule(directory, OUTSIDE) == (Defer, "no-evidence")


def test_back_again(directory: FallbackDirectory, postgres: PostgresServer, redis_server: RedisServer) -> None:
    redis_server.admin.delete(layout.LEASE_KEY)
    postgres.freeze()
    assert rule(directory, UNKNOWN) == (Defer, "no-evidence")
    postgres.thaw()
    time.sleep(1.1)  # the next probe
    assert rule(directory, UNKNOWN) == (Reject, "unknown")


@pytest.mark.usefixtures("stopped")
def test_both_stopped_dead(directory: FallbackDirectory, redis_server: RedisServer) -> None:
    redis_server.freeze()
    try:
        started = time.monotonic()
        for _ in range(200):
            assert rule(directory, JOHN) == (Defer, "no-evidence")
        assert time.monotonic() - started < 6  # the first costs both patiences, then a probe of each a second
    finally:
        redis_server.thaw()
    time.sleep(1.1)
    assert rule(directory, JOHN) == (Deliver, "mailbox")


@pytest.mark.usefixtures("stopped")
def test_64_lookups_while_both_hang(directory: FallbackDirectory, redis_server: RedisServer) -> None:
    redis_server.freeze()
    took: list[float] = []
    before = workers()

    def ask() -> None:
        for _ in range(5):
            started = time.monotonic()
            with pytest.raises(LookupFailed):
                directory.lookup([JOHN])
            took.append(time.monotonic() - started)

    threads = [threading.Thread(target=ask) for _ in range(64)]
    try:
        with within(5):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        redis_server.thaw()
    assert len(took) == 64 * 5
    assert max(took) < LONGEST
    assert workers() <= before + 8


def workers() -> int:
    return sum(thread.name == "sql-lookup" for thread in threading.enumerate())
