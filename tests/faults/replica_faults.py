"""A Redis that is not the one it should be, as rows: it loads, replicates, is locked, or was replaced."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from byname.sandbox.ports import LOOPBACK
from byname.sandbox.redis import PrivateRedis
from byname.sandbox.waiting import wait_until
from store.wire_format import layout
from tests.faults.cache_faults import LEASE
from tests.faults.fault import RIGHT, Fault
from tests.faults.timeline import Timeline
from tests.faults.world import World

_NOBODY = "9"  # a port on which no master listens
_OTHERS = 4000  # keys that take a millisecond each to load


@contextmanager
def _loading(world: World, _timeline: Timeline) -> Iterator[None]:
    """It comes back with an older copy, lease included, and takes its time to read it."""
    server, snapshot = world.site.redis, world.site.redis.folder / "dump.rdb"
    with world.cache.pipeline(transaction=False) as together:
        for number in range(_OTHERS):
            together.set(f"other:{number}", "x")
        together.execute()
    world.cache.save()
    server.kill()
    server.start(wait=False, more=("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"))
    wait_until(lambda: _first_line(server, "PING").startswith("-LOADING"), 10, "a Redis that loads")
    yield
    wait_until(lambda: _first_line(server, "PING") == "+PONG", 30, "a Redis that has loaded")
    snapshot.unlink()
    world.cache.delete(*[f"other:{number}" for number in range(_OTHERS)])


@contextmanager
def _read_only(world: World, _timeline: Timeline) -> Iterator[None]:
    world.cache.replicaof(LOOPBACK, _NOBODY)
    yield
    world.cache.replicaof("NO", "ONE")


@contextmanager
def _locked_by_a_password(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.cache as admin:
        admin.config_set("requirepass", "a new password")
        _disconnect_all(admin)
        yield
        admin.config_set("requirepass", "")


@contextmanager
def _milters_at_a_replica(world: World) -> Iterator[None]:
    with world.replica() as replica:
        milters = ("inbound", "submission")
        with world.restarted(*milters, environ={"BYNAME_CACHE__URL": replica.url}):
            yield


@contextmanager
def _stale(world: World, _timeline: Timeline) -> Iterator[None]:
    with redis.Redis(unix_socket_path=str(world.site.folder / "replica" / "redis.sock")) as replica:
        master = replica.info("replication")["master_port"]
        replica.replicaof(LOOPBACK, _NOBODY)
        yield
        replica.replicaof(LOOPBACK, str(master))


@contextmanager
def _promoted(world: World, timeline: Timeline) -> Iterator[None]:
    """The master dies, and a replica without its last writes takes its place."""
    with _left_behind(world) as replica:
        timeline.killed()
        world.site.redis.kill()
        replica.say("REPLICAOF", "NO", "ONE")
        replica.socket.rename(world.site.redis.socket)
        yield
    world.site.redis.start()
    world.wait_for_lease()


@contextmanager
def _promoted_beside(world: World, timeline: Timeline) -> Iterator[None]:
    """The same, but the former master lives on, and the milters' connections still lead to it."""
    place = world.site.redis.socket
    former = place.with_name("former.sock")
    with _left_behind(world) as replica:
        timeline.killed()
        replica.say("REPLICAOF", "NO", "ONE")
        place.rename(former)
        replica.socket.rename(place)
        world.kill("relay")
        world.start("relay")
        yield
        former.rename(place)
    world.wait_for_lease()


@contextmanager
def _left_behind(world: World) -> Iterator[PrivateRedis]:
    """Start a replica that misses the last writes, for the length of a block."""
    with world.replica() as replica, redis.Redis(unix_socket_path=str(replica.socket)) as client:
        client.replicaof(LOOPBACK, _NOBODY)
        wait_until(lambda: world.cache.dump(layout.STATE_KEY) != client.dump(layout.STATE_KEY), 10, "writes to lose")
        yield replica


def _disconnect_all(admin: "redis.Redis") -> None:
    for kind in ("normal", "pubsub"):
        admin.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")  # type: ignore[no-untyped-call]


def _first_line(server: PrivateRedis, *args: str) -> str:
    try:
        return server.say(*args)
    except OSError:
        return ""


STAND_INS = (
    Fault("redis-loading", "Redis: restarted, -LOADING", RIGHT, _loading, 0.0, settles=LEASE, is_short=False),
    Fault(
        "redis-readonly", "Redis: made a replica, -READONLY", RIGHT, _read_only, 0.0, 6.0, 7.0, LEASE, is_short=False
    ),
    Fault(
        "redis-noauth",
        "Redis: given a password, -NOAUTH",
        RIGHT,
        _locked_by_a_password,
        0.0,
        settles=LEASE,
        is_short=False,
    ),
    Fault(
        "replica-stale",
        "milters at a replica that falls behind",
        RIGHT,
        _stale,
        0.0,
        6.0,
        7.0,
        LEASE,
        is_short=False,
        around=_milters_at_a_replica,
    ),
    Fault(
        "promotion",
        "Redis: replica promoted without the last writes",
        RIGHT,
        _promoted,
        0.0,
        settles=LEASE,
        is_short=False,
        takes_over=True,
    ),
    Fault(
        "promotion-beside",
        "the same, milters still at the former master",
        RIGHT,
        _promoted_beside,
        0.0,
        6.0,
        7.0,
        LEASE,
        is_short=False,
        takes_over=True,
    ),
)
