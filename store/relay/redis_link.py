"""A connection of the relay to Redis: the functions of ``operations.lua`` and plain commands, in round trips."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, cast

import hiredis
import redis

from store.cache.cluster import ClusterDown, ClusterMode, NoCluster, SlotMoved
from store.errors import CacheUnavailable
from store.relay.target import Outdated
from store.wire_format.layout import ABSENT_KEY

Command = tuple[Any, ...]


class PipelinedConnection:
    """One connection of a pool, on which commands go out before the replies to earlier ones are read. For one thread.

    Raises redis.RedisError and OSError; then the connection is closed.
    """

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._connection: Any = None  # while there are replies on their way
        self._owed = 0

    def send(self, commands: Sequence[Command]) -> None:
        """Send commands, and wait for nothing."""
        packed = b"".join(hiredis.pack_command(cast("Any", command)) for command in commands)
        try:
            if self._connection is None:
                self._connection = self._pool.get_connection()
            self._connection.send_packed_command([packed])
        except BaseException:
            self._disconnect()
            raise
        self._owed += len(commands)

    def replies(self) -> list[Any]:
        """Return the replies to all that was sent, as they come; error replies are values."""
        try:
            found = [self._reply() for _ in range(self._owed)]
        except BaseException:
            self._disconnect()
            raise
        self._release()
        return found

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _reply(self) -> Any:
        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            return error

    def _disconnect(self) -> None:
        """Close the connection: it may have replies on the way that belong to nobody."""
        if self._connection is not None:
            self._connection.disconnect()
        self._release()

    def _release(self) -> None:
        connection, self._connection, self._owed = self._connection, None, 0
        if connection is not None:
            self._pool.release(connection)


class RedisLink:
    """One connection, and what goes over it; not for several threads at once. All of it may raise CacheUnavailable.

    What was begun is on its way while the caller goes on; its replies are read before anything else is asked.
    """

    def __init__(self, connection: PipelinedConnection) -> None:
        self._connection = connection
        self._script = files("store.relay").joinpath("operations.lua").read_bytes()
        self._sha = hashlib.sha1(self._script, usedforsecurity=False).hexdigest()
        self._begun: Sequence[Command] = ()
        self._answers: list[Any] = []  # to what was begun

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def do(self, *call: Any) -> Any:
        """Run one operation of ``operations.lua``: its name and its arguments."""
        return self.do_all([call])[0]

    def do_all(self, calls: Sequence[Command]) -> list[Any]:
        """Run operations one after the other, in one round trip."""
        commands = self.operations(calls)
        with translated_errors():
            return self._done(commands, self._exchange(commands))

    def operations(self, calls: Sequence[Command]) -> list[Command]:
        """Return the commands that run operations."""
        return [("EVALSHA", self._sha, 1, ABSENT_KEY, *call) for call in calls]

    def begin(self, commands: Sequence[Command]) -> None:
        """Send commands; :meth:`collect` waits for them."""
        self.collect()
        with translated_errors():
            self._connection.send(commands)
        self._begun = commands

    def collect(self) -> None:
        """Wait for what was begun, and keep its answers for :meth:`taken`."""
        begun, self._begun = self._begun, ()
        if begun:
            with translated_errors():
                self._answers += self._done(begun, self._connection.replies())

    def taken(self) -> list[Any]:
        """Return the answers to all that was begun since the last time."""
        self.collect()
        answers, self._answers = self._answers, []
        return answers

    def _done(self, commands: Sequence[Command], answers: list[Any]) -> list[Any]:
        """Return the answers, none of which is an error; a new or restarted server is given the script first."""
        if any(isinstance(answer, redis.exceptions.NoScriptError) for answer in answers):
            answers = self._exchange([("SCRIPT", "LOAD", self._script), *commands])[1:]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Return the raw answers; one about a key of the wrong type is the exception itself."""
        with translated_errors():
            answers = self._exchange(commands)
        for answer in answers:
            if isinstance(answer, Exception) and not str(answer).startswith("WRONGTYPE"):
                raise CacheUnavailable(explanation(answer)) from answer
        return answers

    def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        self.collect()
        self._connection.send(commands)
        return self._connection.replies()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise CacheUnavailable for the driver's errors, Outdated for that answer of ``operations.lua``."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        code, _, why = str(error).partition(" ")
        if code == "STALE":
            raise Outdated(why) from error
        raise CacheUnavailable(explanation(error)) from error


_EXPLANATIONS: tuple[tuple[type[Exception], str], ...] = (
    (redis.TimeoutError, "the cache does not answer"),
    (redis.BusyLoadingError, "the cache is still loading"),
    (redis.exceptions.ReadOnlyError, "the cache is a read-only replica"),
    (redis.exceptions.OutOfMemoryError, "the cache has no memory left"),
    (redis.AuthenticationError, "the cache refuses the user or password of cache.url"),
    (redis.exceptions.NoPermissionError, "the cache does not let the user of cache.url do this"),
    (ClusterMode, "the cache is a node of a Redis Cluster: cache.url must start with redis+cluster://"),
    (NoCluster, "the cache is no Redis Cluster: cache.url must not start with redis+cluster://"),
    (SlotMoved, "another node of the cluster has the cache, or gets it now"),
    (ClusterDown, "the Redis Cluster is down, or what can be reached of it"),
    (redis.ConnectionError, "the cache cannot be reached"),
)


def explanation(error: Exception) -> str:
    """Return what to say of an error of the driver."""
    return next((text for kind, text in _EXPLANATIONS if isinstance(error, kind)), "the cache refuses")
