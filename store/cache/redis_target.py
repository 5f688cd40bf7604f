"""The relay's target in a real Redis: each method is an operation of ``operations.lua`` or a plain read."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import redis

from store.batches import batches
from store.cache import layout
from store.cache.lease import lease_text
from store.cache.source import Change
from store.cache.target import CHUNK, Applied, Lives, Raw, Repair, State, Vitals, Vouched
from store.cache.values import HOSTED, stamped
from store.errors import CacheUnavailable
from store.sql.outbox import Clock

_GATHERED_SECONDS = 60


class RedisTarget:
    """The target in a real Redis; not for several threads at once."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._redis = redis.Redis(connection_pool=pool)
        self._script = files("store.cache").joinpath("operations.lua").read_bytes()
        self._sha = hashlib.sha1(self._script, usedforsecurity=False).hexdigest()

    def state(self) -> State:
        """See :class:`Target`."""
        with _told():
            pipe = self._pipe()
            for command in (("TIME",), ("HGETALL", layout.STATE_KEY), ("INFO", "server"), ("INFO", "memory")):
                pipe.execute_command(*command)
            time, known, server, memory = pipe.execute(raise_on_error=False)
        for reply in (time, server, memory):
            if isinstance(reply, Exception):
                raise CacheUnavailable(_words(reply)) from reply
        return _state(int(time[0]) * 1000 + int(time[1]) // 1000, known, server, memory)

    def apply(self, changes: Sequence[Change]) -> Applied:
        """See :class:`Target`."""
        words = [word for change in changes for word in (change.nonce, change.domain, change.field, change.value)]
        counter, outcomes = self._do("apply", *words)
        return Applied(counter, [outcome.decode() for outcome in outcomes])

    def install(self, domains: Mapping[str, Raw], clock: Clock) -> dict[str, str]:
        """See :class:`Target`."""
        listed = stamped(clock.version, HOSTED)
        calls = [("install", domain, listed, clock.nonce, *_flat(raw)) for domain, raw in domains.items()]
        return dict(zip(domains, (answer.decode() for answer in self._do_all(calls)), strict=True))

    def gather(self, token: str, fields: Raw) -> None:
        """See :class:`Target`."""
        with _told():
            pipe = self._pipe()
            for batch in batches(fields.items(), CHUNK):
                pipe.execute_command("HSET", _gathered(token), *_flat(dict(batch)))
            pipe.execute_command("EXPIRE", _gathered(token), _GATHERED_SECONDS)
            pipe.execute()

    def install_gathered(self, domain: str, token: str, count: int, clock: Clock) -> str:
        """See :class:`Target`."""
        listed = stamped(clock.version, HOSTED)
        answer: bytes = self._do("install_gathered", domain, listed, clock.nonce, _gathered(token), count)
        return answer.decode()

    def sizes(self, domains: Sequence[str]) -> list[int]:
        """See :class:`Target`."""
        found = self._ask([("HLEN", layout.domain_key(domain)) for domain in domains])
        return [size if isinstance(size, int) else 0 for size in found]

    def whole(self, domains: Sequence[str]) -> list[Raw]:
        """See :class:`Target`."""
        found = self._ask([("HGETALL", layout.domain_key(domain)) for domain in domains])
        return [_pairs(raw) for raw in found]

    def some(self, key: str, fields: Sequence[bytes]) -> Raw:
        """See :class:`Target`."""
        if not fields:
            return {}
        (found,) = self._ask([("HMGET", key, *fields)])
        values = [None] * len(fields) if isinstance(found, Exception) else found
        return {field: value for field, value in zip(fields, values, strict=True) if value is not None}

    def scan(self, key: str) -> Iterator[Raw]:
        """See :class:`Target`."""
        cursor = b"0"
        while True:
            (found,) = self._ask([("HSCAN", key, cursor, "COUNT", CHUNK)])
            if isinstance(found, Exception):  # no hash
                return
            cursor, raw = found
            yield _pairs(raw)
            if int(cursor) == 0:
                return

    def present(self) -> Iterator[list[str]]:
        """See :class:`Target`."""
        start = layout.domain_key("")
        cursor = b"0"
        while True:
            with _told():
                cursor, keys = self._plain("SCAN", cursor, "MATCH", f"{start}*", "COUNT", CHUNK)
            yield [key.decode("ascii", "replace").removeprefix(start) for key in keys]
            if int(cursor) == 0:
                return

    def repair(self, key: str, repairs: Sequence[Repair], clock: Clock) -> int:
        """See :class:`Target`."""
        calls = [
            ("repair", key, clock.nonce, *(word for one in batch for word in (one.field, one.seen or b"", one.value)))
            for batch in batches(repairs, CHUNK)
        ]
        return sum(self._do_all(calls))

    def seal(self, key: str, clock: Clock, tombstones: Raw, least: int = 0) -> None:
        """See :class:`Target`."""
        whole = stamped(clock.version, HOSTED)
        self._do("seal", key, whole, least)
        for batch in batches(tombstones.items(), CHUNK):
            self._do("seal", key, whole, least, *_flat(dict(batch)))
            least -= len(batch)

    def drop(self, domain: str) -> None:
        """See :class:`Target`."""
        self._do("drop", domain)

    def begin(self, token: str) -> str | None:
        """See :class:`Target`."""
        run_id: bytes | None = self._do("begin", token)
        return None if run_id is None else run_id.decode()

    def go_on(self, token: str) -> bool:
        """See :class:`Target`."""
        return bool(self._do("go_on", token))

    def finish(self, token: str, run_id: str, clock: Clock, stored: int) -> bool:
        """See :class:`Target`."""
        return bool(self._do("finish", token, run_id, clock.epoch, clock.version, clock.nonce, stored))

    def renew(self, vouched: Vouched, lives: Lives) -> bool:
        """See :class:`Target`."""
        text = lease_text(vouched.run_id)
        times = [int(seconds * 1000) for seconds in (lives.lease, lives.grace, lives.sender_grace)]
        return bool(self._do("renew", vouched.run_id, vouched.epoch, vouched.stored, text, vouched.moment_ms, *times))

    def stop(self, build: str) -> None:
        """See :class:`Target`."""
        self._do("stop", build)

    def vitals(self) -> Vitals:
        """Return what ``byname cache stat`` shows besides the state."""
        keys = (layout.LEASE_KEY, layout.GRACE_KEY, layout.SENDER_GRACE_KEY)
        wanted = [*(("PTTL", key) for key in keys), ("INFO", "memory"), ("HLEN", layout.HOSTED_KEY)]
        *lives, memory, hosted = self._ask(wanted)
        lease, grace, sender_grace = (life / 1000 if life >= 0 else None for life in lives)
        whole = max(0, hosted - 1) if isinstance(hosted, int) else 0  # without @l
        return Vitals(lease, grace, sender_grace, int(_info(memory).get("used_memory", 0)), whole)

    def close(self) -> None:
        """Close the connections."""
        self._redis.connection_pool.close()

    def _do(self, *call: Any) -> Any:
        return self._do_all([call])[0]

    def _do_all(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run operations one after the other, in one round trip."""
        if not calls:
            return []
        with _told():
            try:
                return self._run(calls)
            except redis.exceptions.NoScriptError:  # a new or restarted server
                self._plain("SCRIPT LOAD", self._script)
                return self._run(calls)

    def _run(self, calls: Iterable[tuple[Any, ...]]) -> list[Any]:
        pipe = self._pipe()
        for call in calls:
            pipe.execute_command("EVALSHA", self._sha, 0, *call)
        return list(pipe.execute())

    def _ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return the raw answers; one about a key of the wrong type is the exception itself."""
        with _told():
            pipe = self._pipe()
            for command in commands:
                pipe.execute_command(*command)
            answers = list(pipe.execute(raise_on_error=False))
        for answer in answers:
            if isinstance(answer, Exception) and not str(answer).startswith("WRONGTYPE"):
                raise CacheUnavailable(_words(answer)) from answer
        return answers

    def _plain(self, *command: Any) -> Any:
        client: Any = self._redis
        return client.execute_command(*command)

    def _pipe(self) -> Any:
        return self._redis.pipeline(transaction=False)


@contextmanager
def _told() -> Iterator[None]:
    """Raise CacheUnavailable for the driver's errors."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise CacheUnavailable(_words(error)) from error


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (redis.TimeoutError, "the cache does not answer"),
    (redis.BusyLoadingError, "the cache is still loading"),
    (redis.exceptions.ReadOnlyError, "the cache is a read-only replica"),
    (redis.exceptions.OutOfMemoryError, "the cache has no memory left"),
    (redis.AuthenticationError, "the cache refuses the user or password of cache.url"),
    (redis.exceptions.NoPermissionError, "the cache does not let the user of cache.url do this"),
    (redis.ConnectionError, "the cache cannot be reached"),
)


def _words(error: Exception) -> str:
    return next((words for kind, words in _WORDS if isinstance(error, kind)), "the cache refuses")


def _state(now_ms: int, known: Any, server: Any, memory: Any) -> State:
    raw = {} if isinstance(known, Exception) else {name.decode(): text.decode() for name, text in _pairs(known).items()}
    policy = _info(memory).get("maxmemory_policy", "")
    return State(
        now_ms,
        _info(server).get("run_id", ""),
        policy,
        is_built=raw.get("built") == "1",
        built_run=raw.get("run", ""),
        epoch=raw.get("epoch", ""),
        applied=_number(raw.get("applied")),
        version=_number(raw.get("version")),
        nonce=raw.get("nonce", ""),
        build=raw.get("build", ""),
    )


def _info(raw: Any) -> dict[str, str]:
    if isinstance(raw, Mapping):  # redis-py reads it for us
        return {str(name): str(value) for name, value in raw.items()}
    lines = (line.partition(":") for line in raw.decode("ascii", "replace").splitlines())
    return {name: value.strip() for name, _, value in lines}


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def _pairs(raw: Any) -> Raw:
    if isinstance(raw, Exception):
        return {}
    if isinstance(raw, Mapping):
        return dict(raw)
    return dict(zip(raw[::2], raw[1::2], strict=True))


def _flat(raw: Raw) -> list[bytes]:
    return [word for pair in raw.items() for word in pair]


def _gathered(token: str) -> str:
    return f"{layout.PREFIX}load:{token}"
