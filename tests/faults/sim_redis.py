"""A Redis server in memory, as far as the relay and the directory use one, with a clock that the test moves.

It takes the same commands as the real one and gives raw replies; ``operations.lua`` is written out in
``sim_operations.py``. ``test_sim_contract.py`` holds it against a real Redis.
"""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from store.wire_format.layout import PREFIX

Hash = dict[bytes, bytes]
Value = Hash | bytes
Argument = bytes | str | int

STATE, HOSTED, LEASE = (f"{PREFIX}{name}".encode() for name in ("state", "hosted", "lease"))


@dataclass(slots=True)
class Time:
    """The one clock of the simulation, in milliseconds."""

    now_ms: int = 1_000_000_000


class Refused(Exception):
    """An error reply."""


class MemoryRedis:
    """One server, or rather one run of it."""

    def __init__(self, time: Time, run_id: str = "run0") -> None:
        self.time = time
        self.run_id = run_id
        self.values: dict[bytes, Value] = {}
        self.ends: dict[bytes, int] = {}
        self.stopped: set[bytes] = set()  # builds that a relay found no good, here or before a failover
        self.is_rebuilt_for_nothing = False

    def fork(self, run_id: str) -> "MemoryRedis":
        """Return a server with the same content."""
        other = MemoryRedis(self.time, run_id)
        other.values, other.ends = copy.deepcopy(self.values), dict(self.ends)
        other.stopped = self.stopped
        return other

    def expire(self) -> None:
        """Drop what is over."""
        for key in [key for key, end in self.ends.items() if end <= self.time.now_ms]:
            self.delete(key)

    def delete(self, key: bytes) -> int:
        """Drop a key; return how many there were."""
        self.ends.pop(key, None)
        return self.values.pop(key, None) is not None

    def set(self, key: bytes, value: Value, end: int | None = None) -> None:
        """Put a key in; without ``end`` it lives on."""
        self.values[key] = value
        self.ends.pop(key, None)
        if end is not None:
            self.ends[key] = end
        self.expire()

    def hash(self, key: bytes) -> Hash:
        """Return the hash under a key, made if need be."""
        found = self.values.setdefault(key, {})
        if isinstance(found, bytes):
            raise Refused("WRONGTYPE")
        return found

    def field(self, key: bytes, name: bytes) -> bytes | None:
        """Return a field; None also where no hash is."""
        found = self.values.get(key)
        return found.get(name) if isinstance(found, dict) else None

    def evict(self, rng: random.Random) -> None:
        """Drop some key."""
        self.expire()
        if self.values:
            self.delete(rng.choice(sorted(self.values)))

    def execute(self, args: Sequence[Argument]) -> Any:
        """Run one plain command and return its raw reply."""
        self.expire()
        name, *arguments = args
        return _COMMANDS[str(name)](self, [encoded(arg) for arg in arguments])


def encoded(arg: Argument) -> bytes:
    """Return a word as it goes over the wire."""
    return arg if isinstance(arg, bytes) else str(arg).encode()


def _time(redis: MemoryRedis, arguments: list[bytes]) -> Any:
    seconds, rest = divmod(redis.time.now_ms, 1000)
    return [str(seconds).encode(), str(rest * 1000).encode()]


def _info(redis: MemoryRedis, arguments: list[bytes]) -> Any:
    return f"run_id:{redis.run_id}\r\n".encode() if arguments == [b"server"] else b"maxmemory_policy:noeviction\r\n"


def _read(redis: MemoryRedis, key: bytes) -> Hash:
    found = redis.values.get(key, {})
    if isinstance(found, bytes):
        raise Refused("WRONGTYPE")
    return found


def _hgetall(redis: MemoryRedis, arguments: list[bytes]) -> Any:
    return [arg for pair in _read(redis, arguments[0]).items() for arg in pair]


def _hlen(redis: MemoryRedis, arguments: list[bytes]) -> Any:
    return len(_read(redis, arguments[0]))


def _hmget(redis: MemoryRedis, arguments: list[bytes]) -> Any:
    found = _read(redis, arguments[0])
    return [found.get(name) for name in arguments[1:]]


def _hset(redis: MemoryRedis, arguments: list[bytes]) -> Any:
    fields = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    added = len(fields.keys() - _read(redis, arguments[0]).keys())
    redis.hash(arguments[0]).update(fields)
    return added


def _expire(redis: MemoryRedis, arguments: list[bytes]) -> Any:
    if arguments[0] not in redis.values:
        return 0
    redis.ends[arguments[0]] = redis.time.now_ms + 1000 * int(arguments[1])
    return 1


def _hscan(redis: MemoryRedis, arguments: list[bytes]) -> Any:
    """Return a third of a hash each time, by the names."""
    key, cursor = arguments[0], int(arguments[1])
    pairs = sorted(pair for pair in _read(redis, key).items() if sum(pair[0]) % 3 == cursor)
    return [str((cursor + 1) % 3).encode(), [arg for pair in pairs for arg in pair]]


def _scan(redis: MemoryRedis, arguments: list[bytes]) -> Any:
    start = arguments[2].removesuffix(b"*")
    return [b"0", sorted(key for key in redis.values if key.startswith(start))]


_COMMANDS: dict[str, Callable[[MemoryRedis, list[bytes]], Any]] = {
    "TIME": _time,
    "INFO": _info,
    "HGETALL": _hgetall,
    "HLEN": _hlen,
    "HMGET": _hmget,
    "HSET": _hset,
    "EXPIRE": _expire,
    "HSCAN": _hscan,
    "SCAN": _scan,
}
