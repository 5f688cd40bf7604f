"""The contract of all directories, over the cache as the relay keeps it, from either kind of database."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from prometheus_client import CollectorRegistry

from routing.directory import Directory
from routing.memory_directory import SilentDirectory
from store.cache.directory import RedisDirectory
from store.cache.fallback import FallbackDirectory
from store.cache.metrics import DirectoryMetrics
from store.sql.database import Database
from store.sql.tenant import Transaction
from tests.store.directory_contract import CONTRACT, Fill
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import Relaying


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.mark.parametrize("case", CONTRACT, ids=lambda case: case.__name__)
def test_contract(case: Callable[[Directory, Fill], None], server: RedisServer, database: Database) -> None:
    """SQL is silent for the directory, so every answer is the cache's."""
    server.admin.flushall()
    both = FallbackDirectory(RedisDirectory.open(server.url), SilentDirectory(), DirectoryMetrics(CollectorRegistry()))
    with closing(Relaying(database, server)) as relay:
        relay.settle()

        def fill(change: Callable[[Transaction], object]) -> None:
            relay.change(change)
            relay.settle()

        case(both, fill)
    both.close()
