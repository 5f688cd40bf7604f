"""The relay's target and the readers' directory over the Redis in memory: the shipped code, with other connections."""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import redis
from prometheus_client import CollectorRegistry

from routing.address import Address
from routing.directory import LookupFailed
from routing.memory_directory import MemoryDirectory
from routing.records import HostedDomain
from store.cache.directory import RedisDirectory
from store.cache.fallback import FallbackDirectory
from store.cache.metrics import DirectoryMetrics
from store.relay.redis_link import Command, PipelinedConnection, RedisLink
from store.relay.redis_target import RedisTarget
from tests.faults.sim_operations import Operations
from tests.faults.sim_redis import Argument, MemoryRedis, Refused, encoded
from tests.faults.sim_sql import Sql

Result = TypeVar("Result")


@dataclass(slots=True)
class Network:
    """Which Redis is the master, and whether it can be reached."""

    master: MemoryRedis
    rng: random.Random
    is_up: bool = True
    loss: float = 0.0  # of replies: what was asked is done, and nobody hears of it
    steps: random.Random = field(default_factory=lambda: random.Random(0))  # of counters


class MemoryTarget(RedisTarget):
    """The target, where each command is a step that others can see."""

    operations: type[Operations] = Operations

    def __init__(self, network: Network, before_step: Callable[[], None]) -> None:
        super().__init__(redis.ConnectionPool())
        self._link = RedisLink(MemoryConnection(self))
        self._network, self._before_step = network, before_step

    def ask(self, command: tuple[Argument, ...]) -> Any:
        """Run one command on the master of the moment; error replies are values."""
        self._before_step()
        if not self._network.is_up:
            raise redis.ConnectionError
        reply = execute(self._network.master, command, self.operations)
        if self._network.rng.random() < self._network.loss:
            raise redis.TimeoutError
        return reply

    def is_quick(self) -> bool:
        """Return whether Redis does what it is sent before anybody asks for the replies: so at every other moment."""
        return self._network.master.time.now_ms % 2 == 0

    def random_step(self) -> int:
        """See :class:`RedisTarget`; the same in each run."""
        return self._network.steps.randrange(1, 2**16)

    def publish(self, version: int) -> None:
        """Do nothing: nobody waits."""


class MemoryConnection(PipelinedConnection):
    """The wire, which ends in the Redis in memory."""

    def __init__(self, target: MemoryTarget) -> None:
        super().__init__(redis.ConnectionPool())
        self._target = target
        self._sent: list[Command] = []
        self._replies: list[Any] = []

    def send(self, commands: Sequence[Command]) -> None:
        """See :class:`PipelinedConnection`. Redis may do it now, or when the replies are waited for."""
        self._sent += commands
        if self._target.is_quick():
            self._run()

    def replies(self) -> list[Any]:
        """See :class:`PipelinedConnection`."""
        self._run()
        replies, self._replies = self._replies, []
        return replies

    def _run(self) -> None:
        """Run what was sent, one after the other, with others in between; after a failure nothing is left of it."""
        sent, self._sent = self._sent, []
        replies, self._replies = self._replies, []
        replies += [self._target.ask(command) for command in sent]
        self._replies = replies


def execute(server: MemoryRedis, command: tuple[Argument, ...], operations: type[Operations] = Operations) -> Any:
    """Run a command or, behind EVALSHA, an operation; return the raw reply, an error too."""
    try:
        if command[0] != "EVALSHA":
            return server.execute(command)
        return operations(server).run(str(command[4]), [encoded(arg) for arg in command[5:]])
    except Refused as error:
        return redis.ResponseError(str(error))


class MemoryCache(RedisDirectory):
    """The directory: its own question and reading of the reply; the script of the question is written out here."""

    def __init__(self, network: Network) -> None:
        super().__init__(redis.ConnectionPool())
        self._network = network

    def _exchange(self, command: tuple[str, ...]) -> tuple[Any, str | None]:
        if not self._network.is_up:
            raise redis.TimeoutError
        server = self._network.master
        server.expire()
        count = int(command[2])
        keys, args = command[3 : 3 + count], command[3 + count :]
        vouched: list[Any] = [server.values.get(key.encode()) for key in keys[:3]]
        return [vouched, *_hashes(server, keys[3:], args)], server.run_id


def _hashes(server: MemoryRedis, keys: tuple[str, ...], args: tuple[str, ...]) -> list[Any]:
    found, at = [], 0
    for key in keys:
        last = at + int(args[at])
        found.append(server.execute(("HMGET", key, *args[at + 1 : last + 1])))
        at = last + 1
    return found


class MemorySql:
    """SQL as the readers ask it: the present, or silence."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        """See :class:`routing.directory.Directory`."""
        if not self._sql.is_up:
            raise LookupFailed("the database does not answer")
        return MemoryDirectory(self._sql.moments[-1].records.values()).lookup(wanted)


class _AtOnce:
    """Asks in the same thread, so that no clock but the simulation's plays a part."""

    def ask(self, question: Callable[[], Result], _at_once: object = None) -> Result:
        return question()


class Reader(FallbackDirectory):
    """The fallback directory over both, which remembers where the last answer came from."""

    def __init__(self, cache: RedisDirectory, sql: MemorySql) -> None:
        self._cache, self._sql, self._replica = cache, sql, None
        self._meters = DirectoryMetrics(CollectorRegistry())
        self._ask_cache = self._ask_sql = _AtOnce()  # type: ignore[assignment]
        self.source = "none"

    def _find(self, wanted: Collection[Address]) -> tuple[str, Mapping[str, HostedDomain]]:
        self.source = "none"
        self.source, facts = super()._find(wanted)
        return self.source, facts
