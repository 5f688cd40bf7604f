"""The samples for Redis: a server starts from them, the relay can do its work there, a milter can only read."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from routing.address import Address
from store.cache.directory import RedisDirectory
from store.cache.propagation import PropagationWaiter
from store.counting.redis_sink import RedisSink
from store.errors import CacheUnavailable
from store.relay.cache_audit import load_missing
from store.relay.counts import CountMerging
from store.services import aliases
from store.sql.database import Database
from store.wire_format import layout
from store.wire_format.counts import STREAM, Batch
from tests.store.redis_server import RedisServer
from tests.store.relay.relaying import Relaying

SAMPLES = Path(str(files("conf"))) / "redis"


class SampleServer(RedisServer):
    """A server with the samples as they are installed; only their folder and their memory are others."""

    def __init__(self, program: str) -> None:
        super().__init__(program=program)
        config = (SAMPLES / "byname.conf").read_text().replace("/etc/byname/redis", str(self.folder))
        (self.folder / "byname.conf").write_text(config)
        shutil.copy(SAMPLES / "users.acl", self.folder)
        (self.folder / "redis.conf").write_text(
            f"port 0\nunixsocket {self.socket}\ndir {self.folder}\ninclude {self.folder}/byname.conf\n"
        )

    @property
    def admin(self) -> "redis.Redis":
        return redis.Redis(unix_socket_path=str(self.socket), username="byname-relay", password="CHANGE-THIS-2")

    def command(self) -> list[str]:
        return [self.program, str(self.folder / "redis.conf")]

    def url_of(self, user: str) -> str:
        return f"unix://{user}:CHANGE-THIS-{'1' if user == 'byname-milter' else '2'}@{self.socket}"


@pytest.fixture(scope="module")
def sample(server_program: str) -> Iterator[SampleServer]:
    server = SampleServer(server_program)
    server.start()
    yield server
    server.remove()


def test_the_policy(sample: SampleServer) -> None:
    memory: Any = sample.admin.info("memory")
    assert memory["maxmemory_policy"] == "noeviction"


def test_the_relay_has_all_its_rights(world: Database, sample: SampleServer) -> None:
    with closing(Relaying(world, sample, url=sample.url_of("byname-relay"))) as own:
        own.rebuild()
        own.change(lambda tx: aliases.add(tx, "sales@brand-b.com", "john@brand-a.com"))
        assert own.settle().is_leased
        own.change(lambda tx: aliases.remove(tx, "sales@brand-b.com"))
        own.settle()
        own.audit()
        assert own.differences() == []
        assert load_missing(own.source, own.target) == 0
        assert own.target.stats().hosted == 3
        with closing(PropagationWaiter(world, sample.url_of("byname-relay"))) as waiter:
            assert waiter.wait_until_live(1) == "live"


def test_a_milter_can_only_read(world: Database, sample: SampleServer) -> None:
    with closing(Relaying(world, sample, url=sample.url_of("byname-relay"))) as own:
        own.settle()
    with closing(RedisDirectory.open(sample.url_of("byname-milter"))) as directory:
        john = Address("john", "brand-a.com")
        assert "john" in directory.lookup([john])["brand-a.com"].names
        assert directory.lease_left() is not None
    with (
        closing(Relaying(world, sample, url=sample.url_of("byname-milter"))) as own,
        pytest.raises(CacheUnavailable, match="does not let the user"),
    ):
        own.rebuild()
    milter: Any = redis.Redis(unix_socket_path=str(sample.socket), username="byname-milter", password="CHANGE-THIS-1")
    for command in (
        ("SET", layout.LEASE_KEY, "1"), ("HSET", layout.domain_key("brand-a.com"), "x", "1 m1"), ("FLUSHALL",),
        ("DEL", layout.HOSTED_KEY), ("CONFIG", "GET", "*"), ("GET", "another"), ("EVAL", "return 1", 0), ("KEYS", "*"),
    ):  # fmt: skip
        with pytest.raises(redis.exceptions.NoPermissionError):
            milter.execute_command(*command)


def test_a_milter_hands_on_counts_and_the_relay_takes_them(world: Database, sample: SampleServer) -> None:
    with closing(RedisSink(sample.url_of("byname-milter"))) as sink:
        sink.put(Batch("x", ()))
    assert CountMerging(world, sample.admin).merge_some() == 1
    milter: Any = redis.Redis(unix_socket_path=str(sample.socket), username="byname-milter", password="CHANGE-THIS-1")
    for command in (("DEL", STREAM), ("XADD", layout.HOSTED_KEY, "*", "b", "x")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            milter.execute_command(*command)


def test_nobody_else_comes_in(sample: SampleServer) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=str(sample.socket), retry=Retry(NoBackoff(), 0)).ping()
