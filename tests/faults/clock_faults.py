"""Jumps of the clock, as rows: ``clock.c``, loaded before libc, tells a process another time of day."""

import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.faults.cache_faults import LEASE
from tests.faults.fault import RIGHT, Fault, Inject
from tests.faults.timeline import Timeline
from tests.faults.world import World

_HOUR = 3600
_DAEMONS = ("inbound", "submission", "maps", "lmtp", "relay")


def _offset(world: World) -> Path:
    return world.site.folder / "clock"


def _library(world: World) -> Path:
    return world.site.folder / "clock.so"


def set_clock(world: World, seconds: int) -> None:
    """Write in place: the processes have mapped the file."""
    with _offset(world).open("r+b") as file:
        file.write(struct.pack("q", seconds))


def made(world: World) -> dict[str, str]:
    """Compile the clock and return the environment for processes that are to have it."""
    library = _library(world)
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, Path(__file__).with_name("clock.c")], check=True)
    _offset(world).write_bytes(struct.pack("q", 0))
    return _environ(world)


def _environ(world: World) -> dict[str, str]:
    return {"LD_PRELOAD": str(_library(world)), "BYNAME_TEST_CLOCK": str(_offset(world))}


def _time_in(world: World) -> float:
    """Return the time of day as a process with that clock has it."""
    command = [sys.executable, "-c", "import time; print(time.time())"]
    return float(subprocess.run(command, env=_environ(world), check=True, capture_output=True).stdout)


@contextmanager
def _daemons(world: World) -> Iterator[None]:
    with world.restarted(*_DAEMONS, environ=made(world)):
        yield


@contextmanager
def _redis(world: World) -> Iterator[None]:
    server = world.site.redis
    server.kill()
    server.start(environ=os.environ | made(world))
    world.wait_until_in_step()
    yield
    server.kill()
    server.start()
    world.wait_for_lease()


def _jump(seconds: int) -> Inject:
    @contextmanager
    def inject(world: World, _timeline: Timeline) -> Iterator[None]:
        set_clock(world, seconds)
        assert abs(_time_in(world) - time.time() - seconds) < 60
        yield
        set_clock(world, 0)

    return inject


def _row(name: str, does: str, seconds: int, around: Callable[[World], AbstractContextManager[None]]) -> Fault:
    return Fault(name, does, RIGHT, _jump(seconds), 0.0, 3.0, 6.0, LEASE, is_short=False, around=around)


CLOCKS = (
    _row("clock-ahead", "Byname's daemons: the clock an hour ahead, and back", _HOUR, _daemons),
    _row("clock-back", "Byname's daemons: the clock an hour back, and ahead", -_HOUR, _daemons),
    _row("redis-clock-ahead", "Redis: the clock an hour ahead, and back", _HOUR, _redis),
    _row("redis-clock-back", "Redis: the clock an hour back, and ahead", -_HOUR, _redis),
)
