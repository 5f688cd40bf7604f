"""Counts through a real Redis into SQL: each batch once, whatever stops on the way; and the stream is bounded."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from store.clock import utc_now
from store.counting import redis_sink
from store.counting.redis_sink import RedisSink
from store.counting.sql_sink import SqlSink
from store.relay.counts import CountMerging, merge_counts
from store.services import aliases
from store.services.statistics import activity
from store.sql.database import Database
from store.wire_format.counts import FIELD, STREAM, Batch, NameCount
from tests.store.redis_server import RedisServer


@pytest.fixture
def sales(world: Database) -> int:
    with world.write() as tx:
        return aliases.add(tx, "sales@brand-a.com", "john@brand-a.com").id


@pytest.fixture
def sink(redis_server: RedisServer) -> Iterator[RedisSink]:
    with closing(RedisSink(redis_server.url)) as made:
        yield made


def batch(name: str, mails: int = 1) -> Batch:
    now = utc_now().timestamp()
    return Batch(name, (NameCount("sales", "brand-a.com", "", int(now // 86_400), mails, now),))


def accepted(database: Database, alias: int) -> int:
    with database.read() as tx:
        return activity.statistics(tx, alias).accepted


def test_each_batch_counts_once(world: Database, sales: int, sink: RedisSink, redis_server: RedisServer) -> None:
    """A second entry: the milter had no answer to the first. A second reader: it read before the first took it out."""
    merging, again = (CountMerging(world, redis_server.admin) for _ in range(2))
    for name in ("a", "b", "a"):
        sink.put(batch(name))
    assert merging.merge_some() == 3
    assert accepted(world, sales) == 2
    sink.put(batch("b"))
    assert (again.merge_some(), again.merge_some()) == (1, 0)
    assert accepted(world, sales) == 2
    assert redis_server.admin.xlen(STREAM) == 0


class Killed(Exception):
    """In the place of SIGKILL."""


class DiesBeforeTaking:
    """A client of Redis whose process is killed after the commit and before the entry is taken out."""

    def __init__(self, client: Any) -> None:
        self.xrange = client.xrange

    def xdel(self, *_: object) -> None:
        raise Killed


def test_killed_between_the_commit_and_taking_it_out(
    world: Database, sales: int, sink: RedisSink, redis_server: RedisServer
) -> None:
    sink.put(batch("a", 3))
    with pytest.raises(Killed):
        CountMerging(world, DiesBeforeTaking(redis_server.admin)).merge_some()
    assert accepted(world, sales) == 3
    assert CountMerging(world, redis_server.admin).merge_some() == 1
    assert accepted(world, sales) == 3


def test_what_nobody_can_read_is_passed_over(
    world: Database, sales: int, sink: RedisSink, redis_server: RedisServer
) -> None:
    for fields in ({FIELD: "nonsense"}, {"other": "x"}):
        redis_server.admin.xadd(STREAM, fields)
    sink.put(batch("a"))
    assert CountMerging(world, redis_server.admin).attempt() == ""
    assert accepted(world, sales) == 1


def test_what_goes_wrong_is_told_and_ends_nothing(
    world: Database, sales: int, sink: RedisSink, redis_server: RedisServer
) -> None:
    redis_server.admin.set(STREAM, "another program's")
    merging = CountMerging(world, redis_server.admin)
    assert "WRONGTYPE" in merging.attempt()
    redis_server.admin.delete(STREAM)
    sink.put(batch("a"))
    assert merging.attempt() == ""
    assert accepted(world, sales) == 1


def test_the_stream_is_bounded(sink: RedisSink, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_sink, "MOST_BATCHES", 50)
    for number in range(400):
        sink.put(batch(f"{number}"))
    assert redis_server.admin.xlen(STREAM) <= 50 + 100  # Redis takes out whole nodes of a hundred entries


def test_a_thread_of_the_relay(world: Database, sales: int, sink: RedisSink, redis_server: RedisServer) -> None:
    ended = threading.Event()
    thread = threading.Thread(target=merge_counts, args=(world, redis_server.url, ended, 0.01))
    thread.start()
    try:
        sink.put(batch("a"))
        while redis_server.admin.xlen(STREAM):
            ended.wait(0.01)
    finally:
        ended.set()
        thread.join(10)
    assert accepted(world, sales) == 1


def test_straight_into_sql(world: Database, sales: int) -> None:
    sink = SqlSink(world)
    for name in ("a", "b", "a"):
        sink.put(batch(name))
    sink.close()
    assert accepted(world, sales) == 2
