"""The faults of a site with a cache, as rows: those of Redis."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import redis

from store.wire_format import layout
from tests.faults.fault import RIGHT, Fault, nothing
from tests.faults.timeline import Timeline
from tests.faults.unix_proxy import proxied
from tests.faults.world import World

LEASE = 6.0  # seconds within which a change is live although nobody tells Redis: the lease ends
SOON = 1.5  # seconds within which a change is live while all works


@contextmanager
def _flushed(world: World, _timeline: Timeline) -> Iterator[None]:
    world.cache.flushall()
    yield


@contextmanager
def _redis_killed(world: World, _timeline: Timeline) -> Iterator[None]:
    world.site.redis.kill()
    yield
    world.site.redis.start()
    world.wait_for_lease()


@contextmanager
def _keys_deleted(world: World, _timeline: Timeline) -> Iterator[None]:
    dice = random.Random(7)
    for key in dice.sample(sorted(world.cache.keys()), k=4):
        world.cache.delete(key)
    yield


@contextmanager
def _evicting(world: World, _timeline: Timeline) -> Iterator[None]:
    used = int(world.cache.info("memory")["used_memory"])
    world.cache.config_set("maxmemory-policy", "allkeys-lru")
    world.cache.config_set("maxmemory", used + 200_000)
    for number in range(200):
        world.cache.set(f"other:{number}", "x" * 4000)
    yield
    world.cache.config_set("maxmemory-policy", "noeviction")
    world.cache.config_set("maxmemory", 0)
    world.cache.delete(*[f"other:{number}" for number in range(200)])
    world.wait_for_lease()


@contextmanager
def _full(world: World, _timeline: Timeline) -> Iterator[None]:
    world.cache.config_set("maxmemory", 1)
    yield
    world.cache.config_set("maxmemory", 0)


@contextmanager
def _redis_frozen(world: World, _timeline: Timeline) -> Iterator[None]:
    world.site.redis.freeze()
    yield
    world.site.redis.thaw()


@contextmanager
def _paused(world: World, _timeline: Timeline) -> Iterator[None]:
    world.cache.client_pause(2000)
    yield


@contextmanager
def _slow(world: World, _timeline: Timeline) -> Iterator[None]:
    with proxied(world.site.redis, delay=0.4):
        yield


@contextmanager
def _half_open(world: World, _timeline: Timeline) -> Iterator[None]:
    with proxied(world.site.redis, swallows=True):
        yield


@contextmanager
def _garbage(world: World, _timeline: Timeline) -> Iterator[None]:
    for key in _domain_keys(world.cache):
        for field in world.cache.hkeys(key):
            world.cache.hset(key, field, "\x00garbage")
    yield
    world.cache.flushall()  # what an admin would do; the audit does it in its own time


@contextmanager
def _unknown_format(world: World, _timeline: Timeline) -> Iterator[None]:
    for key in _domain_keys(world.cache):
        for field in world.cache.hkeys(key):
            world.cache.hset(key, field, "zz q9 from the future")
    yield
    world.cache.flushall()


@contextmanager
def _wrong_type(world: World, _timeline: Timeline) -> Iterator[None]:
    with world.cache.pipeline() as together:  # or the relay mends one half before the other is broken
        for key in [*_domain_keys(world.cache), layout.HOSTED_KEY, layout.STATE_KEY]:
            together.delete(key)
            together.rpush(key, "a list")
        together.execute()
    yield


def _domain_keys(cache: "redis.Redis") -> list[str]:
    return [str(key, "ascii") for key in cast("list[bytes]", cache.keys(layout.PREFIX + "d:*"))]


OF_REDIS = (
    Fault("cache-none", "nothing", RIGHT, nothing, 0.0, settles=SOON, is_short=False),
    Fault("flushall", "FLUSHALL", RIGHT, _flushed, 0.0, settles=SOON),
    Fault("redis-killed", "Redis: kill -9, then started empty", RIGHT, _redis_killed, 0.0, settles=SOON),
    Fault("keys-deleted", "Redis: four random keys deleted", RIGHT, _keys_deleted, 0.0, settles=SOON, is_short=False),
    Fault("evicting", "Redis: allkeys-lru, little memory", RIGHT, _evicting, 0.0, settles=LEASE, is_short=False),
    Fault("redis-full", "Redis: no memory left, noeviction", RIGHT, _full, 0.0, settles=LEASE),
    Fault("redis-frozen", "Redis: SIGSTOP, SIGCONT", RIGHT, _redis_frozen, 0.0, 3.0, 20.0, LEASE),
    Fault("client-pause", "Redis: CLIENT PAUSE for 2 s", RIGHT, _paused, 0.0, settles=LEASE, is_short=False),
    Fault("redis-slow", "Redis: each reply 0.4 s late", RIGHT, _slow, 0.0, settles=LEASE, is_short=False),
    Fault(
        "redis-half-open",
        "Redis: connections that swallow everything",
        RIGHT,
        _half_open,
        0.0,
        settles=LEASE,
        is_short=False,
    ),
    Fault("garbage", "Redis: garbage in every value", RIGHT, _garbage, 0.0, settles=LEASE),
    Fault("unknown-format", "Redis: unknown format", RIGHT, _unknown_format, 0.0, settles=LEASE, is_short=False),
    Fault("wrong-type", "Redis: lists in place of hashes", RIGHT, _wrong_type, 0.0, settles=LEASE, is_short=False),
)
