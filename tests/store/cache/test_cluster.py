"""Redis Cluster: no evidence for milters, who ask SQL, and words for the operator that say what to do."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from store.cache.connection import open_pool
from store.cache.directory import NoEvidence, RedisDirectory
from store.errors import CacheUnavailable
from store.relay.redis_target import RedisTarget
from tests.store.redis_server import RedisServer
from tests.unit.sample_site import JOHN


@pytest.fixture(scope="module")
def node() -> Iterator[RedisServer]:
    server = RedisServer("--cluster-enabled", "yes")
    server.start()
    yield server
    server.remove()


def test_a_node_of_a_cluster_is_no_evidence(node: RedisServer) -> None:
    with closing(RedisDirectory.open(node.url)) as directory, pytest.raises(NoEvidence, match="cluster"):
        directory.read([JOHN.address])


def test_a_relay_says_that_it_is_a_cluster_and_what_it_wants(node: RedisServer) -> None:
    with (
        closing(RedisTarget(open_pool(node.url, timeout=5, connections=2))) as target,
        pytest.raises(CacheUnavailable, match=r"Redis Cluster: cache\.url must lead to a Redis, or to sentinels"),
    ):
        target.state()
