"""A connection of the relay to Redis: the functions of ``operations.lua`` and plain commands, in round trips."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import redis

from store.cache.target import Outdated
from store.errors import CacheUnavailable


class RedisLink:
    """One connection, and what goes over it; not for several threads at once. All of it may raise CacheUnavailable."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._redis = redis.Redis(connection_pool=pool)
        self._script = files("store.cache").joinpath("operations.lua").read_bytes()
        self._sha = hashlib.sha1(self._script, usedforsecurity=False).hexdigest()

    def close(self) -> None:
        """Close the connections."""
        self._redis.connection_pool.close()

    def _do(self, *call: Any) -> Any:
        return self._do_all([call])[0]

    def _do_all(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run operations one after the other, in one round trip."""
        if not calls:
            return []
        with told():
            try:
                return self._run(calls)
            except redis.exceptions.NoScriptError:  # a new or restarted server
                self._plain("SCRIPT LOAD", self._script)
                return self._run(calls)

    def _run(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        pipe = self._pipe()
        for call in calls:
            pipe.execute_command("EVALSHA", self._sha, 0, *call)
        answers = list(pipe.execute(raise_on_error=False))  # or redis-py puts words of its own before the error's
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return the raw answers; one about a key of the wrong type is the exception itself."""
        with told():
            pipe = self._pipe()
            for command in commands:
                pipe.execute_command(*command)
            answers = list(pipe.execute(raise_on_error=False))
        for answer in answers:
            if isinstance(answer, Exception) and not str(answer).startswith("WRONGTYPE"):
                raise CacheUnavailable(words_of(answer)) from answer
        return answers

    def _plain(self, *command: Any) -> Any:
        client: Any = self._redis
        return client.execute_command(*command)

    def _pipe(self) -> Any:
        return self._redis.pipeline(transaction=False)


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
