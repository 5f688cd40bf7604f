"""A connection of the relay to Redis: the functions of ``operations.lua`` and plain commands, in round trips."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import redis

from store.errors import CacheUnavailable
from store.relay.target import Outdated
from store.relay.wire import Command, Wire


class RedisLink:
    """One connection, and what goes over it; not for several threads at once. All of it may raise CacheUnavailable.

    What was begun is on its way while the caller goes on; its replies are read before anything else is asked.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._script = files("store.relay").joinpath("operations.lua").read_bytes()
        self._sha = hashlib.sha1(self._script, usedforsecurity=False).hexdigest()
        self._begun: Sequence[Command] = ()
        self._answers: list[Any] = []  # to what was begun

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _do(self, *call: Any) -> Any:
        return self._do_all([call])[0]

    def _do_all(self, calls: Sequence[Command]) -> list[Any]:
        """Run operations one after the other, in one round trip."""
        commands = self._operations(calls)
        with told():
            return self._done(commands, self._exchange(commands))

    def _operations(self, calls: Sequence[Command]) -> list[Command]:
        return [("EVALSHA", self._sha, 0, *call) for call in calls]

    def _begin(self, commands: Sequence[Command]) -> None:
        """Send commands; :meth:`_collect` waits for them."""
        self._collect()
        with told():
            self._wire.send(commands)
        self._begun = commands

    def _collect(self) -> None:
        begun, self._begun = self._begun, ()
        if begun:
            with told():
                self._answers += self._done(begun, self._wire.replies())

    def _done(self, commands: Sequence[Command], answers: list[Any]) -> list[Any]:
        """Return the answers, none of which is an error; a new or restarted server is given the script first."""
        if any(isinstance(answer, redis.exceptions.NoScriptError) for answer in answers):
            answers = self._exchange([("SCRIPT", "LOAD", self._script), *commands])[1:]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _ask(self, commands: Sequence[Command]) -> list[Any]:
        """Return the raw answers; one about a key of the wrong type is the exception itself."""
        with told():
            answers = self._exchange(commands)
        for answer in answers:
            if isinstance(answer, Exception) and not str(answer).startswith("WRONGTYPE"):
                raise CacheUnavailable(words_of(answer)) from answer
        return answers

    def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        self._collect()
        self._wire.send(commands)
        return self._wire.replies()


@contextmanager
def told() -> Iterator[None]:
    """Raise CacheUnavailable for the driver's errors, Outdated for that answer of ``operations.lua``."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        code, _, why = str(error).partition(" ")
        if code == "STALE":
            raise Outdated(why) from error
        raise CacheUnavailable(words_of(error)) from error


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (redis.TimeoutError, "the cache does not answer"),
    (redis.BusyLoadingError, "the cache is still loading"),
    (redis.exceptions.ReadOnlyError, "the cache is a read-only replica"),
    (redis.exceptions.OutOfMemoryError, "the cache has no memory left"),
    (redis.AuthenticationError, "the cache refuses the user or password of cache.url"),
    (redis.exceptions.NoPermissionError, "the cache does not let the user of cache.url do this"),
    (redis.ConnectionError, "the cache cannot be reached"),
)


def words_of(error: Exception) -> str:
    """Return what to say of an error of the driver."""
    return next((words for kind, words in _WORDS if isinstance(error, kind)), "the cache refuses")
