"""A real Redis Cluster: one node has the cache, and nobody vouches for it while that changes. With Redis and Valkey."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

import pytest
import redis

from byname.sandbox.ports import LOOPBACK
from byname.sandbox.waiting import wait_until
from routing.address import Address
from routing.directory import LookupFailed
from store.cache.cluster import SLOT
from store.cache.connection import open_pool
from store.cache.directory import NoEvidence, RedisDirectory
from store.cache.propagation import PropagationWaiter
from store.cache.replica import ReplicaDirectory, Witness
from store.counting.redis_sink import RedisSink
from store.errors import CacheUnavailable
from store.relay.cache_audit import load_missing
from store.relay.counts import CountMerging
from store.relay.redis_target import RedisTarget
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.wire_format import layout
from store.wire_format.counts import STREAM, Batch
from tests.store.cache.test_redis_samples import SAMPLES
from tests.store.filling import Rows, put_rows
from tests.store.redis_cluster import RedisCluster, node
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import JOHN, SALES, Relaying, add_sales, pending

STRANGER, ELSEWHERE = Address("stranger", "brand-a.com"), Address("eve", "elsewhere.test")
ASKED = (JOHN, SALES, STRANGER, ELSEWHERE)
A_DOMAIN = layout.domain_key("brand-a.com").encode()


@pytest.fixture(scope="module")
def cluster(server_program: str) -> Iterator[RedisCluster]:
    made = RedisCluster(server_program)
    made.start()
    yield made
    made.remove()


@pytest.fixture
def store(sqlite_database: Database, world_rows: Rows) -> Database:
    with sqlite_database.write() as tx:
        put_rows(tx, world_rows)
    return sqlite_database


@pytest.fixture
def relaying(cluster: RedisCluster, store: Database) -> Iterator[Relaying]:
    """A relay that has filled the cache of the cluster and vouches for it."""
    for server in cluster.nodes:
        server.admin.flushall()
    with closing(Relaying(store, cluster.serving, url=cluster.url)) as opened:
        opened.settle()
        yield opened


@pytest.fixture
def directory(cluster: RedisCluster) -> Iterator[RedisDirectory]:
    with closing(RedisDirectory.open(cluster.url)) as opened:
        yield opened


def test_a_change_goes_all_the_way(
    cluster: RedisCluster, store: Database, relaying: Relaying, directory: RedisDirectory
) -> None:
    relaying.change(add_sales)
    assert relaying.settle().is_leased
    assert directory.lookup(ASKED) == SqlDirectory(store).lookup(ASKED)
    assert load_missing(relaying.source, relaying.target) == 0
    assert relaying.differences() == []
    assert relaying.target.stats().hosted == 3
    with closing(PropagationWaiter(store, cluster.url)) as waiter:
        assert waiter.wait_until_live(1) == "live"


def test_counts_lie_beside_the_cache(cluster: RedisCluster, store: Database, relaying: Relaying) -> None:
    with closing(RedisSink(cluster.url)) as sink:
        sink.put(Batch("x", ()))
    assert STREAM.encode() in cluster.keys(cluster.serving)
    pool = open_pool(cluster.url, timeout=5, connections=1)
    assert CountMerging(store, redis.Redis(connection_pool=pool)).merge_some() == 1
    pool.close()


def test_the_rights_of_the_sample_are_enough(cluster: RedisCluster, store: Database) -> None:
    """conf/redis/users.acl, and nobody else."""
    for server in cluster.nodes:
        server.admin.flushall()
        for line in (SAMPLES / "users.acl").read_text().splitlines()[1:]:
            server.admin.execute_command("ACL", "SETUSER", *line.split()[1:])
    milter, relay = (
        cluster.url.replace("//", f"//byname-{user}:CHANGE-THIS-{number}@")
        for user, number in (("milter", 1), ("relay", 2))
    )
    with closing(Relaying(store, cluster.serving, url=relay)) as own, closing(RedisDirectory.open(milter)) as directory:
        assert own.settle().is_leased
        own.audit()
        assert directory.lookup(ASKED) == SqlDirectory(store).lookup(ASKED)
    with closing(RedisDirectory.open(milter.replace("CHANGE", "WRONG"))) as stranger:
        assert reason(stranger) == "denied"


def reason(directory: RedisDirectory) -> str:
    with pytest.raises(NoEvidence) as error:
        directory.read([JOHN])
    return error.value.reason


def words(url: str) -> str:
    """What a relay says of a URL."""
    with (
        closing(RedisTarget(open_pool(url, timeout=5, connections=2))) as target,
        pytest.raises(CacheUnavailable) as error,
    ):
        target.state()
    return str(error.value)


def test_a_url_that_is_not_of_a_cluster(cluster: RedisCluster) -> None:
    """One node is asked as if it were all there is: it may lose the slot, and nobody would look for another."""
    for server in cluster.nodes:
        with closing(RedisDirectory.open(server.url)) as directory:
            assert reason(directory) == "cluster"
        assert words(server.url) == "the cache is a node of a Redis Cluster: cache.url must start with redis+cluster://"


def test_a_url_of_a_cluster_that_is_none(redis_server: RedisServer) -> None:
    url = f"redis+cluster://{LOOPBACK}:{redis_server.port}"
    with closing(RedisDirectory.open(url)) as directory:
        assert reason(directory) == "no-cluster"
    assert words(url) == "the cache is no Redis Cluster: cache.url must not start with redis+cluster://"


@pytest.fixture(scope="module")
def lonely(cluster: RedisCluster) -> Iterator[RedisServer]:
    """A node that has no slot and knows of none, as one that has lost touch with the others."""
    server = node(program=cluster.nodes[0].program)
    server.start()
    yield server
    server.remove()


def test_a_node_that_has_lost_touch_is_passed_over(
    cluster: RedisCluster, lonely: RedisServer, relaying: Relaying
) -> None:
    url = f"redis+cluster://{LOOPBACK}:{lonely.port}"
    with closing(RedisDirectory.open(url)) as directory:
        assert reason(directory) == "cluster-down"
    assert words(url) == "the Redis Cluster is down, or what can be reached of it"
    everyone = cluster.url.replace("//", f"//{LOOPBACK}:1,{LOOPBACK}:{lonely.port},")  # and nobody listens on port 1
    with closing(RedisDirectory.open(everyone)) as directory:
        assert directory.lookup(ASKED) == SqlDirectory(relaying.database).lookup(ASKED)


def test_a_slot_that_nobody_serves(cluster: RedisCluster, relaying: Relaying, directory: RedisDirectory) -> None:
    """The open connection hears of it too: CLUSTERDOWN."""
    directory.lookup([JOHN])
    serving = cluster.serving
    serving.admin.execute_command("CLUSTER", "DELSLOTS", SLOT)
    try:
        assert reason(directory) == "cluster-down"
        with pytest.raises(CacheUnavailable, match="Redis Cluster is down"):
            relaying.relay.step()
    finally:
        serving.admin.execute_command("CLUSTER", "ADDSLOTS", SLOT)
    wait_until(lambda: directory.lookup([JOHN]) is not None, 5, "the slot")


Moved = Callable[[list[bytes]], Sequence[bytes]]


@pytest.mark.parametrize(
    "moved",
    [
        lambda _keys: (),
        lambda _keys: [layout.LEASE_KEY.encode()],
        lambda _keys: [layout.HOSTED_KEY.encode()],
        lambda _keys: [layout.STATE_KEY.encode()],
        lambda _keys: [A_DOMAIN],
        lambda keys: [key for key in keys if key != A_DOMAIN],
        lambda keys: keys,
    ],
    ids=["nothing", "lease", "list", "state", "domain", "the rest", "everything"],
)
def test_a_slot_on_its_way(
    cluster: RedisCluster, store: Database, relaying: Relaying, directory: RedisDirectory, moved: Moved
) -> None:
    """Wherever its keys are: no answer that is wrong, nothing written by halves; then a build on the other node."""
    source = cluster.serving
    target = cluster.others[0]
    truth = SqlDirectory(store).lookup(ASKED)
    assert directory.lookup(ASKED) == truth
    cluster.begin_to_move(source, target)
    if keys := moved(cluster.keys(source)):
        cluster.move_keys(source, target, *keys)
    for asked in ((JOHN,), (SALES,), (ELSEWHERE,), ASKED):
        assert facts(directory, asked) in (None, SqlDirectory(store).lookup(asked))
    relaying.change(add_sales)
    before = content(cluster)
    for write in (relaying.relay.step, relaying.rebuild, relaying.audit):
        with pytest.raises(CacheUnavailable):
            write()
    assert content(cluster) == before
    assert pending(store)

    if left := cluster.keys(source):
        cluster.move_keys(source, target, *left)
    cluster.end_move(source, target)
    with pytest.raises(LookupFailed, match="no lease"):
        directory.lookup([JOHN])
    assert relaying.settle().is_leased
    assert relaying.differences() == []
    assert directory.lookup(ASKED) == SqlDirectory(store).lookup(ASKED) != truth


def facts(directory: RedisDirectory, asked: Sequence[Address]) -> Any:
    try:
        return directory.lookup(asked)
    except LookupFailed:
        return None


def content(cluster: RedisCluster) -> dict[bytes, Any]:
    """All that the nodes have of our slot, but for the lease, which ends by itself."""
    found = {}
    for server in cluster.nodes:
        client: Any = redis.Redis(unix_socket_path=str(server.socket), single_connection_client=True)
        for key in cluster.keys(server):
            client.execute_command("ASKING")
            found[key] = client.dump(key)
        client.close()
    found.pop(layout.LEASE_KEY.encode(), None)
    return found


@pytest.fixture
def replica(cluster: RedisCluster, relaying: Relaying) -> Iterator[RedisServer]:
    """A fourth node, which follows the one that serves our slot and does not take over by itself."""
    server = node("--cluster-replica-no-failover", "yes", program=cluster.nodes[0].program)
    server.start()
    try:
        cluster.add_replica(server)
        yield server
    finally:
        server.remove()


def test_a_replica_that_takes_over(
    cluster: RedisCluster, relaying: Relaying, replica: RedisServer, directory: RedisDirectory
) -> None:
    """It has the lease of the former primary, which was given for another run; ``[cache] url`` does not name it."""
    relaying.settle()  # it took a while to find out about the replica
    before = cluster.serving
    truth = SqlDirectory(relaying.database).lookup(ASKED)
    assert directory.lookup(ASKED) == truth
    wait_until(lambda: layout.LEASE_KEY.encode() in cluster.keys(replica), 10, "the copy of a lease")
    cluster.take_over(replica, before)
    with pytest.raises(LookupFailed, match="no lease"):
        directory.lookup(ASKED)
    with pytest.raises(CacheUnavailable, match="another node of the cluster has the cache"):
        relaying.relay.step()
    assert relaying.relay.step().distrust == "it is another Redis than was built, or was restarted"
    assert relaying.settle().is_leased
    assert directory.lookup(ASKED) == truth
    cluster.take_over(before, replica)


def test_a_replica_beside_a_milter(
    cluster: RedisCluster, store: Database, relaying: Relaying, replica: RedisServer
) -> None:
    """[cache] replica: it sends readers to its primary, unless they say that they only read. Then its word counts."""
    pools = [open_pool(replica.url, timeout=1, connections=2, is_replica=True) for _ in range(2)]
    witness = Witness(open_pool(cluster.url, timeout=1, connections=2), pools[0])
    with closing(ReplicaDirectory(witness, pools[1])) as directory:
        for changes in ((), (add_sales,)):
            relaying.change(*changes)
            wait_until(lambda: relaying.settle() and witness.look() == "", 10, "the primary's word")
            assert directory.fresh(ASKED) == SqlDirectory(store).lookup(ASKED)

        primary, target = cluster.serving, cluster.others[0]
        cluster.begin_to_move(primary, target)
        cluster.move_keys(primary, target, *cluster.keys(primary))
        cluster.end_move(primary, target)
        wait_until(lambda: directory.fresh(ASKED) is None, 10, "a replica that has lost the slot")
        with suppress(CacheUnavailable):
            relaying.relay.step()
        assert relaying.settle().is_leased
        assert witness.look() == "the replica is behind"


@pytest.mark.parametrize("server_program", ["valkey"], indirect=True, scope="module")
def test_a_slot_that_is_moved_as_a_whole(
    cluster: RedisCluster, store: Database, relaying: Relaying, directory: RedisDirectory
) -> None:
    """Valkey 9 can do so: the other node has the lease too, and all that was written; but it is another run."""
    source, target = cluster.serving, cluster.others[0]
    order = ("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", SLOT, SLOT, "NODE", cluster.id_of(target))
    source.admin.execute_command(*order)
    truth = SqlDirectory(store).lookup(ASKED)

    def is_moved() -> bool:
        assert facts(directory, ASKED) in (None, truth)
        with suppress(CacheUnavailable):
            relaying.relay.step()
        return cluster.serving is target

    wait_until(is_moved, 10, "a moved slot")
    relaying.change(add_sales)
    with suppress(CacheUnavailable):
        relaying.relay.step()
    assert relaying.settle().is_leased
    assert relaying.differences() == []
    assert directory.lookup(ASKED) == SqlDirectory(store).lookup(ASKED) != truth
