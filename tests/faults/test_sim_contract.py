"""The Redis of the simulation, held against a real one: the same commands, the same replies, the same content."""

import random
import time
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import redis

from store.wire_format.layout import ABSENT_KEY, HOSTED_KEY, PREFIX, STATE_KEY, domain_key
from store.wire_format.values import version_text
from tests.faults.sim_clients import execute
from tests.faults.sim_redis import Argument, MemoryRedis, Time
from tests.store.redis_server import RedisServer, program_of

_DOMAINS = ("a.test", "b.test")
_FIELDS = ("@", "@c", "@l", "b0", "s0")
_GUARDED = frozenset({"apply", "install", "install_gathered", "repair", "seal", "drop"})
_FAR = 10_000_000  # ms, so that nothing ends while we look
# What the real one would go by its own clock in: it is told what time the other has, so it does not matter how long all
# this takes.
_TIME = "redis.call('TIME')"
_BUILDING_MS = "local building_ms = 10000"
_BUILDING = f"{PREFIX}building".encode()


@pytest.fixture(scope="module", params=["redis", "valkey"])
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    server = RedisServer(program=program_of(request.param))
    server.start()
    yield server
    server.remove()


class Twins:
    """Both, given the same commands."""

    def __init__(self, server: RedisServer, rng: random.Random) -> None:
        self.rng = rng
        self.real: Any = redis.Redis(unix_socket_path=str(server.socket), protocol=2)
        self.real.flushall()
        self.real.response_callbacks.clear()
        self.run_id = server.run_id
        self.memory = MemoryRedis(Time(int(time.time()) * 1000), self.run_id)
        script = files("store.relay").joinpath("operations.lua").read_text()
        assert script.count(_TIME) == script.count(_BUILDING_MS) == 1
        self._script = script.replace(_BUILDING_MS, f"local building_ms = {_FAR}")
        self.go_on(0)

    @property
    def now_ms(self) -> int:
        """What time both have."""
        return self.memory.time.now_ms

    def go_on(self, milliseconds: int) -> None:
        """Let time pass for both."""
        self.memory.time.now_ms += milliseconds
        seconds, rest = divmod(self.now_ms, 1000)
        self.sha = self.real.script_load(self._script.replace(_TIME, f"{{{seconds}, {1000 * rest}}}"))

    def do(self, *args: Argument) -> None:
        """Run an operation on both; a guarded one on a basis that mostly holds."""
        if args[0] in _GUARDED:
            args = (*args, *self._basis())
        theirs = _plain(self._ask(("EVALSHA", self.sha, 1, ABSENT_KEY, *args)))
        assert _plain(execute(self.memory, ("EVALSHA", self.sha, 1, ABSENT_KEY, *args))) == theirs, args

    def _basis(self) -> tuple[Argument, ...]:
        build = self.memory.field(STATE_KEY.encode(), b"build") or b""
        applied = int(self.memory.field(STATE_KEY.encode(), b"applied") or 0)
        wrong = self.rng.random()
        moment = self.rng.choice(
            (0, 0, self.now_ms + 60_000, self.now_ms + _FAR, self.now_ms - _FAR)
        )  # not now: it passes
        return b"t9" if wrong < 0.1 else build, applied + (0.1 < wrong < 0.2), moment

    def compare(self) -> None:
        """Expect the same content."""
        keys = {bytes(key) for key in self.real.execute_command("KEYS", "*")}
        assert keys == set(self.memory.values)
        for key in keys:
            mine = self.memory.values[key]
            if isinstance(mine, dict):
                found = self.real.execute_command("HGETALL", key)
                theirs = dict(zip(found[::2], found[1::2], strict=True))
                assert theirs == mine, key
            else:
                assert self.real.execute_command("GET", key) == mine, key
            end, mine_ends = int(self.real.execute_command("PEXPIRETIME", key)), self.memory.ends.get(key, -1)
            assert end == mine_ends or (key == _BUILDING and min(end, mine_ends) > 0), key

    def _ask(self, command: tuple[Any, ...]) -> Any:
        try:
            return self.real.execute_command(*command)
        except redis.ResponseError as error:
            return error


def _plain(reply: Any) -> Any:
    return "error" if isinstance(reply, Exception) else reply


def _value(rng: random.Random) -> str:
    return f"{version_text(rng.randint(1, 50))} {rng.choice(('x', 'h', 'm1', 'm0'))}"


def _apply(rng: random.Random) -> tuple[Argument, ...]:
    rows = [(f"n{rng.randint(1, 3)}", rng.choice(_DOMAINS), rng.choice(("", "@", "b0", "s0")), _value(rng))
            for _ in range(rng.randint(1, 4))]  # fmt: skip
    return ("apply", *(word for row in rows for word in row), rng.choice((1, 7, 2**36)))  # few make a long trail


def _install(rng: random.Random) -> tuple[Argument, ...]:
    stamp = version_text(rng.randint(1, 50))
    pairs = [word for field in _FIELDS for word in (field, f"{stamp} h")]
    return ("install", rng.choice(_DOMAINS), f"{stamp} h", "n9", *pairs)


def _gathered(twins: Twins) -> tuple[Argument, ...]:
    """Gather a hash, perhaps without one of its fields, and return how to put it in."""
    key, stamp = f"{PREFIX}load:t", version_text(twins.rng.randint(1, 50))
    fields = _FIELDS[: twins.rng.choice((4, 5, 5))]
    command = ("HSET", key, *(word for field in fields for word in (field, f"{stamp} h")))
    twins.real.execute_command(*command)
    twins.memory.execute(command)
    return "install_gathered", twins.rng.choice(_DOMAINS), f"{stamp} h", "n6", key, len(_FIELDS)


def _key(rng: random.Random) -> str:
    return rng.choice((HOSTED_KEY, *map(domain_key, _DOMAINS)))


def _seen(twins: Twins, key: str, field: str) -> bytes:
    return twins.memory.field(key.encode(), field.encode()) or b""


def _repair(twins: Twins) -> tuple[Argument, ...]:
    key, field = _key(twins.rng), twins.rng.choice((*_FIELDS, "a.test"))
    seen = _seen(twins, key, field) if twins.rng.random() < 0.7 else b"1 m1"
    return "repair", key, "n8", field, seen, _value(twins.rng)


def _seal(twins: Twins) -> tuple[Argument, ...]:
    key, field = _key(twins.rng), twins.rng.choice(("b0", "s0", "a.test", "b.test"))
    whole = f"{version_text(twins.rng.randint(1, 50))} h"
    return "seal", key, whole, twins.rng.choice((0, 1, 3)), field, _seen(twins, key, field)


def _marks(twins: Twins) -> str:
    """Return marks: some words of the trail, and perhaps one that is not there."""
    there = (twins.memory.field(STATE_KEY.encode(), b"trail") or b"0").decode().split()
    return " ".join(twins.rng.choices((*there, "5") if twins.rng.random() < 0.3 else there, k=twins.rng.randint(0, 3)))


def _state(twins: Twins, rng: random.Random) -> tuple[Argument, ...]:
    build = twins.memory.field(STATE_KEY.encode(), b"build") or b""
    builds = (build, build, build, b"t9")
    token, run = rng.choice(("t1", "t2")), rng.choice((twins.run_id, twins.run_id, "other"))
    moment = twins.now_ms + rng.choice((0, 30_000, 60_000))
    return rng.choice(
        (
            ("begin", token, rng.choice(builds)),
            ("go_on", token),
            ("finish", token, run, "e1", rng.randint(1, 60), "n7", rng.randint(0, 20), rng.choice((0, 0, 900))),
            (
                "renew",
                rng.choice(builds),
                run,
                "e1",
                rng.randint(0, 30),
                _marks(twins),
                "1 lease",
                moment,
                _FAR,
                2 * _FAR,
                3 * _FAR,
            ),
            ("stop", rng.choice(builds)),
            ("drop", rng.choice(_DOMAINS)),
        )
    )


@pytest.mark.parametrize("seed", range(4))
def test_operations(server: RedisServer, seed: int) -> None:
    rng = random.Random(seed)
    twins = Twins(server, rng)
    for _ in range(200):
        kinds = (
            lambda: _apply(rng),
            lambda: _install(rng),
            lambda: _repair(twins),
            lambda: _seal(twins),
            lambda: _gathered(twins),
        )
        twins.do(*rng.choice((*kinds, lambda: _state(twins, rng), lambda: _state(twins, rng)))())
        if rng.random() < 0.05:
            twins.go_on(rng.choice((1, 400, 1500)))
        if rng.random() < 0.02:  # an older relay counts, and leaves no trail
            twins.real.execute_command("HINCRBY", STATE_KEY, "applied", 1)
            known = twins.memory.hash(STATE_KEY.encode())
            known[b"applied"] = b"%d" % (int(known.get(b"applied", b"0")) + 1)
        if rng.random() < 0.02:
            key = rng.choice((HOSTED_KEY, STATE_KEY, *map(domain_key, _DOMAINS), f"{PREFIX}building"))
            twins.real.execute_command("DEL", key)
            twins.memory.delete(key.encode())
        twins.compare()
