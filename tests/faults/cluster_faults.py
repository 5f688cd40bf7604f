"""Faults of a Redis Cluster of three primaries and three replicas, as rows: over ``conf/topologies/cluster``."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

import redis

from byname.sandbox.errors import SandboxError
from byname.sandbox.redis_cluster import ask, is_well
from byname.sandbox.waiting import wait_until
from store.cache.cluster import SLOT
from tests.faults.cache_faults import LEASE, SOON
from tests.faults.fault import LATER, RIGHT
from tests.faults.many_faults import LONG, row
from tests.faults.many_world import ManyWorld
from tests.faults.timeline import Timeline

_WITHIN = 30.0  # seconds
_HALFWAY = 1.0  # seconds for which some keys are here and some there


@contextmanager
def _nothing(_world: ManyWorld, _timeline: Timeline) -> Iterator[None]:
    yield


@contextmanager
def _failed_over(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """The primary of our slot is killed and a replica promoted; the former one comes back and takes over again."""
    killed = world.many.primary()
    timeline.killed()
    world.many.redis[killed].kill()
    wait_until(lambda: _serving(world) not in ("", killed), _WITHIN, "a failover")
    yield
    world.many.start_redis(killed)
    _give_back(world)


@contextmanager
def _minority(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """The primary of our slot and an MTA are cut off together: they reach one another, and no majority."""
    alone = world.many.primary()
    timeline.killed(cut_off={list(world.many.mail).index("mx2")})
    with world.many.network.split(alone, "mx2"):
        yield
    _give_back(world)


@contextmanager
def _majority(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """The other two machines of the cluster are cut off: the primary of our slot is well, and must not say so."""
    serving = world.many.primary()
    others = [place for place in world.many.plan.nodes if place != serving]
    timeline.killed()
    for place in others:
        world.many.network.cut(place)
    yield
    for place in others:
        world.many.network.mend(place)
    _give_back(world)


@contextmanager
def _moved(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """Our slot goes to another primary, key by key, and back after a while."""
    source = world.many.primary()
    target = next(place for place in world.many.plan.nodes if place != source)
    timeline.killed()
    _move(world, source, target)
    yield
    _move(world, target, source)
    world.wait_for_lease()


def _move(world: ManyWorld, source: str, target: str) -> None:
    """Move the slot as ``redis-cli --cluster reshard`` does, with a halt halfway."""
    names = {place: _node_id(world, place) for place in (source, target)}
    with world.client(source) as giver, world.client(target) as taker:
        taker.execute_command("CLUSTER", "SETSLOT", SLOT, "IMPORTING", names[source])
        giver.execute_command("CLUSTER", "SETSLOT", SLOT, "MIGRATING", names[target])
        keys = _keys(giver)
        _migrate(world, giver, target, keys[::2])
        sleep(_HALFWAY)
        while keys := _keys(giver):
            _migrate(world, giver, target, keys)
        for client in (taker, giver):
            client.execute_command("CLUSTER", "SETSLOT", SLOT, "NODE", names[target])
    wait_until(lambda: _serving(world) == target, _WITHIN, "a moved slot")


def _keys(client: "redis.Redis") -> list[bytes]:
    found: list[bytes] = client.execute_command("CLUSTER", "GETKEYSINSLOT", SLOT, 1000)  # type: ignore[no-untyped-call]
    return sorted(found)


def _migrate(world: ManyWorld, giver: "redis.Redis", target: str, keys: list[bytes]) -> None:
    address = world.many.plan.addresses[target]
    giver.execute_command("MIGRATE", address, 6379, "", 0, 5000, "KEYS", *keys)  # type: ignore[no-untyped-call]


def _node_id(world: ManyWorld, place: str) -> str:
    return ask(world.many.redis[place], "cluster", "myid").strip()


def _serving(world: ManyWorld) -> str:
    """Return which node serves our slot; empty while nobody can tell."""
    try:
        return world.many.primary()
    except SandboxError:
        return ""


def _give_back(world: ManyWorld) -> None:
    """Let the first node of each machine be a primary again, once all are well and so know what has become of them."""
    wait_until(lambda: all(map(is_well, world.many.redis.values())), _WITHIN, "a cluster")
    for place in world.many.plan.nodes:
        wait_until(lambda place=place: _is_primary(world, place), _WITHIN, f"the return of {place}")  # type: ignore[misc]
    world.wait_for_lease()


def _is_primary(world: ManyWorld, place: str) -> bool:
    """Return whether a node is a primary; ask it to become one."""
    found = ask(world.many.redis[place], "info", "replication")
    if "master_link_status:up" in found:
        ask(world.many.redis[place], "cluster", "failover", "takeover")
    return "role:master" in found


ON_A_CLUSTER = (
    row("cluster-none", "Redis Cluster: nothing", RIGHT, _nothing, settles=SOON),
    row(
        "cluster-failover",
        "Redis Cluster: the primary with the cache, kill -9; a replica takes over",
        RIGHT,
        _failed_over,
        takes_over=True,
    ),
    row(
        "cluster-minority",
        "Redis Cluster: that primary and an MTA, cut off together",
        LATER,
        _minority,
        20.0,
        seconds=LONG,
        is_short=True,
        takes_over=True,
    ),
    row(
        "cluster-majority",
        "Redis Cluster: that primary, cut off from the two others",
        RIGHT,
        _majority,
        settles=LEASE,
        takes_over=True,
        caches=False,
    ),
    row(
        "cluster-moved",
        "Redis Cluster: the cache's slot moved to another primary, and back",
        RIGHT,
        _moved,
        takes_over=True,
    ),
)
