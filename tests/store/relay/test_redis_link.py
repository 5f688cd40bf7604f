"""What is begun over the relay's connection: it is done once, waited for before anything else, and its errors told."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from store.cache.connection import open_pool
from store.errors import CacheUnavailable
from store.relay.redis_target import RedisTarget
from store.relay.target import Basis, Outdated
from store.sql.outbox import Clock
from store.wire_format.layout import STATE_KEY, domain_key
from tests.store.redis_server import RedisServer

CLOCK = Clock(9, "n9", "e1")
BASIS = Basis("t")
HASH = {b"@": b"9 d3 - -", b"@c": b"9 c -", b"@l": b"9 h"}


@pytest.fixture
def target(redis_server: RedisServer) -> Iterator[RedisTarget]:
    """One that is being built."""
    with closing(RedisTarget(open_pool(redis_server.url, timeout=1, connections=1))) as target:
        target.begin("t", "")
        yield target


def test_what_was_begun_is_done_before_what_is_asked_next(target: RedisTarget) -> None:
    target.install(BASIS, {"a.test": HASH, "b.test": HASH}, CLOCK)
    assert target.sizes(["a.test", "b.test"]) == [3, 3]
    target.install(BASIS, {"a.test": HASH, "c.test": HASH}, CLOCK)
    assert target.outcomes() == ["applied", "applied", "present", "applied"]
    assert target.outcomes() == []
    assert target.writes == 4


def test_a_server_that_has_forgotten_the_script(target: RedisTarget, redis_server: RedisServer) -> None:
    redis_server.admin.script_flush()
    target.install(BASIS, {"a.test": HASH, "b.test": HASH}, CLOCK)
    assert target.outcomes() == ["applied", "applied"]
    assert redis_server.admin.hget(STATE_KEY, "applied") == b"2"


def test_an_error_is_told_once_by_whatever_waits(target: RedisTarget, redis_server: RedisServer) -> None:
    redis_server.admin.hset(STATE_KEY, "build", "u")
    target.install(BASIS, {"a.test": HASH}, CLOCK)
    with pytest.raises(Outdated, match="built anew"):
        target.sizes(["a.test"])
    assert target.sizes(["a.test"]) == [0]
    assert target.outcomes() == []


def test_replies_that_never_came_are_nobodys(target: RedisTarget, redis_server: RedisServer) -> None:
    redis_server.freeze()
    target.install(BASIS, {"a.test": HASH}, CLOCK)
    with pytest.raises(CacheUnavailable, match="does not answer"):
        target.outcomes()
    redis_server.thaw()
    assert target.sizes(["b.test"]) == [0]
    assert target.outcomes() == []


@pytest.mark.parametrize("members", [4000, 4001, 8000, 11_998])
def test_a_hash_of_more_members_than_fit_on_the_stack_of_lua(
    target: RedisTarget, redis_server: RedisServer, members: int
) -> None:
    fields = HASH | {b"n%d" % number: b"9 m1" for number in range(members // 2 - len(HASH))}
    target.install(BASIS, {"a.test": fields}, CLOCK)
    assert target.outcomes() == ["applied"]
    assert redis_server.admin.hgetall(domain_key("a.test")) == fields
