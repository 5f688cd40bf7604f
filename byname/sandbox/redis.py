"""A private Redis of the demo and the tests: in a folder of its own, on a unix socket and, if asked for, on loopback.

It keeps nothing on disk and evicts nothing (docs/design.md, section 6), so a restart is an empty Redis.
"""

import contextlib
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from byname.sandbox.errors import SandboxError
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.processes import Daemon
from byname.sandbox.waiting import wait_until

_READY_WITHIN = 20.0  # seconds
_ANSWERS_WITHIN = 5.0


class PrivateRedis:
    """One server, its socket and log below ``folder``; start it with ``start()`` or as a context manager."""

    def __init__(self, folder: Path, *options: str, port: int = 0, program: str = "redis-server") -> None:
        """Make a server that listens on no TCP port unless ``port`` is one; ``options`` go to its command line.

        ``program`` may be Valkey's.
        """
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.port = port
        self._options = options
        self.program = program
        self._daemon = Daemon([program], folder / "redis.log")

    @property
    def url(self) -> str:
        """For ``[cache] url``: the unix socket."""
        return f"unix://{self.socket}"

    @property
    def tcp_url(self) -> str:
        """The same on loopback."""
        return f"redis://{LOOPBACK}:{self.port}"

    def start(self, *, wait: bool = True, more: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> None:
        """Start it, with ``more`` options or another environment this time, and wait until it answers.

        Raises:
            SandboxError: it did not; the end of its log is in the message.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)  # a killed one leaves it behind
        self._daemon = Daemon([*self.command(), *more], self.folder / "redis.log", environ)
        self._daemon.start()
        if wait:
            wait_until(self._answers, _READY_WITHIN, f"the private Redis; its log:\n{self._daemon.log()[-2000:]}")

    def command(self) -> list[str]:
        """Return the command line."""
        place = ["--port", str(self.port), "--bind", LOOPBACK, "--unixsocket", str(self.socket)]
        ways = ["--dir", str(self.folder), "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        return [self.program, *place, *ways, *self._options]

    def stop(self) -> None:
        """Stop it, frozen or not; nothing stays behind. Harmless when it does not run."""
        if self._daemon.pid is not None:
            with contextlib.suppress(SandboxError):
                self.thaw()
        self._daemon.stop()

    def kill(self) -> None:
        """Kill it as a power failure would."""
        self._daemon.send(signal.SIGKILL)
        self._daemon.stop()

    def freeze(self) -> None:
        """Stop it dead: connections stay, and nothing is answered."""
        self._daemon.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._daemon.send(signal.SIGCONT)

    def say(self, *arguments: str) -> str:
        """Send one command and return the first line of the reply as it came (``+OK``, ``:1``, ``-ERR ...``).

        Raises:
            OSError: it cannot be reached, or does not answer in time.
        """
        raw = [each.encode() for each in arguments]
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_ANSWERS_WITHIN)
            client.connect(str(self.socket))
            client.sendall(b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(each), each) for each in raw))
            with client.makefile("rb") as lines:
                return lines.readline().decode().rstrip("\r\n")

    def _answers(self) -> bool:
        self._daemon.check_running()
        try:
            return self.say("PING").startswith(("+PONG", "-NOAUTH"))
        except OSError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
