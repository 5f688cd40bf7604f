"""The C filter that the benches hold Byname against: compiled here, run as a process (``bench/c_filter/filter.c``)."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.load.milter_client import opened
from byname.sandbox.errors import SandboxError
from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import wait_until

_SOURCE = Path(__file__).parents[1] / "c_filter" / "filter.c"
_COMPILER = ("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11")
_LIBRARIES = ("-lmilter", "-lhiredis", "-lpthread")
_TIMEOUT = 20.0  # seconds


@contextmanager
def c_filter(folder: Path, address: str, redis_socket: Path) -> Iterator[Daemon]:
    """Compile the filter into ``folder`` and run it for the length of a block.

    Raises:
        SandboxError: it does not compile (libmilter-dev, libhiredis-dev) or does not start.
    """
    program = folder / "c-filter"
    done = subprocess.run(
        [*_COMPILER, "-o", program, _SOURCE, *_LIBRARIES], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SandboxError(f"the C filter does not compile:\n{done.stderr}")
    with Daemon([str(program), address, str(redis_socket)], folder / "c-filter.log") as daemon:
        wait_until(lambda: _serves(daemon, address), _TIMEOUT, "the C filter")
        yield daemon


def _serves(daemon: Daemon, address: str) -> bool:
    daemon.check_running()
    try:
        opened(address).close()
    except OSError:
        return False
    return True
