"""A running LMTP edge over real sockets, and a client that says what a test wants it to."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from edges.listen import open_listener
from edges.lmtp.backend import TIMEOUTS, Timeouts
from edges.lmtp.delivery import LmtpSite
from edges.lmtp.pool import IDLE_SECONDS, Pool
from edges.lmtp.server import LmtpServer
from routing.directory import Directory
from routing.policy import Policy
from store.counting.tally import Tally
from tests.unit.sample_site import DIRECTORY

PATIENCE = 20.0
KEY = b"k" * 32
HEADER = b"From: ann@outside.test\r\nMessage-ID: <1@outside.test>\r\nSubject: hello\r\n"
MESSAGE = HEADER + b"\r\nbody\r\n"


@contextmanager
def edge(
    backend: str,
    folder: Path,
    *,
    directory: Directory = DIRECTORY,
    key: bytes | None = None,
    max_age: float = 1.0,
    wall_clock: Callable[[], float] = time.time,
    timeouts: Timeouts = TIMEOUTS,
    idle: float = IDLE_SECONDS,
    most: int = 200,
    name: str = "edge.sock",
    counts: Tally | None = None,
) -> Iterator[tuple[LmtpServer, Path]]:
    """Run an edge in front of ``backend``; yield the server and its unix socket."""
    path = folder / name
    pool = Pool(backend, timeouts, idle)
    site = LmtpSite(directory, Policy(), pool, key, max_age, wall_clock=wall_clock, counts=counts)
    server = LmtpServer(open_listener(f"unix:{path}"), site, most=most)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server, path
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


class Client:
    """One LMTP connection; replies come back as text."""

    def __init__(self, path: Path, hello: str | None = "LHLO client.test") -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self._lines = self.socket.makefile("rb")
        self.greeting = self.reply()
        self.offered = self.say(hello).splitlines() if hello else []

    def say(self, command: str | bytes) -> str:
        """Send a command line and return its reply."""
        self.send((command.encode() if isinstance(command, str) else command) + b"\r\n")
        return self.reply()

    def send(self, raw: bytes) -> None:
        """Send octets as they are."""
        self.socket.sendall(raw)

    def reply(self) -> str:
        """Return the next reply, its lines joined; "" at the end of the stream."""
        lines = []
        while line := self._lines.readline().decode().rstrip("\r\n"):
            lines.append(line)
            if line[3:4] != "-":
                break
        return "\n".join(lines)

    def deliver(
        self, recipients: Iterable[str], wire: bytes = MESSAGE, mail: str = "FROM:<ann@outside.test>"
    ) -> list[str]:
        """Send a message whose dots are stuffed; return the replies that count: refusals at RCPT, then the final ones.

        A recipient with a ``>`` in it stands with its parameters.
        """
        assert self.say(f"MAIL {mail}") == "250 2.1.0 OK"
        asked = [self.say(f"RCPT TO:<{item}" + ("" if ">" in item else ">")) for item in recipients]
        replies = [reply for reply in asked if not reply.startswith("250")]
        accepted = len(asked) - len(replies)
        if not accepted:
            assert self.say("RSET").startswith("250")
            return replies
        assert self.say("DATA").startswith("354")
        self.send(wire + b".\r\n")
        return replies + [self.reply() for _ in range(accepted)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lines.close()
        self.socket.close()
