"""Starting ``byname`` as a fork of a process that has imported it: a start of its own takes most of a second of CPU.

What needs another interpreter (LD_PRELOAD, PYTHON...) is started as usual, and so is every other program.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from byname.sandbox.network import OWN
from byname.sandbox.processes import Process, start_program
from tests.forking.server import NUMBER

_BYNAME = [sys.executable, "-m", "byname"]
_OF_THE_INTERPRETER = ("LD_", "PYTHON", "MALLOC_", "LC_", "LANG", "TZ")


class ForkServer:
    """Starts programs as :func:`byname.sandbox.processes.start_program` does. Its server begins with the first."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def start(
        self, command: Sequence[str], environ: Mapping[str, str] | None, output: IO[bytes], errors: IO[bytes]
    ) -> Process:
        """Start a program."""
        given = dict(os.environ if environ is None else environ)
        if list(command[:3]) != _BYNAME or _of_the_interpreter(given) != _of_the_interpreter(os.environ):
            return start_program(command, environ, output, errors)
        control = self.control()
        reads, writes = os.pipe2(os.O_CLOEXEC)
        request = {"arguments": command[3:], "environ": given, "folder": str(Path.cwd())}
        with Path(os.devnull).open("rb") as nothing, OWN.open("rb", buffering=0) as network:
            files = [nothing.fileno(), output.fileno(), errors.fileno(), writes, network.fileno()]
            socket.send_fds(control, [json.dumps(request).encode()], files)
        os.close(writes)
        return ForkedProcess(reads)

    def control(self) -> socket.socket:
        """Return the socket over which the server is asked; begin it, if need be."""
        if self._control is None:
            self._control = self._begin()
        return self._control

    def stop(self) -> None:
        """Let the server end; what it has started goes on."""
        if self._control is not None and self._server is not None:
            self._control.close()
            self._server.wait(10)
            self._control = None

    def _begin(self) -> socket.socket:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.forking.server", str(its.fileno())]
        self._server = subprocess.Popen(command, pass_fds=[its.fileno()], start_new_session=True)
        its.close()
        return ours


FORKS = ForkServer()  # of this run of tests


def _of_the_interpreter(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_OF_THE_INTERPRETER)}


class ForkedProcess:
    """A process of the server, to be used like a subprocess.Popen."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self.returncode: int | None = None
        self.pid = self._number(120)  # the first waits until the server has imported all

    def poll(self) -> int | None:
        """Return its exit code when it has ended."""
        if self.returncode is None and select.select([self._pipe], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return its exit code. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._pipe], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("byname", timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def _end(self) -> None:
        self.returncode = self._number(1)
        os.close(self._pipe)

    def _number(self, seconds: float) -> int:
        until = time.monotonic() + seconds
        content = b""
        while len(content) < NUMBER.size:
            if not select.select([self._pipe], [], [], max(0, until - time.monotonic()))[0]:
                raise subprocess.TimeoutExpired("byname", seconds)
            block = os.read(self._pipe, NUMBER.size - len(content))
            if not block:
                raise ChildProcessError("the fork server has ended")
            content += block
        number: int = NUMBER.unpack(content)[0]
        return number
