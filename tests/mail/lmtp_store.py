"""A mail store that speaks LMTP by a script: it keeps every octet as it came and fails where a test wants it to."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Self

from byname.sandbox.ports import LOOPBACK, free_port

OFFERED = ("SIZE 104857600", "8BITMIME", "SMTPUTF8", "DSN", "PIPELINING", "ENHANCEDSTATUSCODES")


@dataclass(frozen=True)
class Kept:
    """A message as it came over the wire, dots stuffed, and the commands before it."""

    mail: str
    rcpt: str
    wire: bytes

    @property
    def mailbox(self) -> str:
        """The recipient."""
        return self.rcpt.partition("<")[2].partition(">")[0]

    @property
    def names(self) -> list[str]:
        """The values of all Delivered-To fields, in order."""
        header = self.wire.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
        return re.findall(r"^Delivered-To: (.*?)\r?$", header, re.MULTILINE | re.IGNORECASE)


@dataclass
class ScriptedStore:
    """A store on a loopback port; a context manager. ``at`` maps a mailbox and a stage to what happens there.

    ``once`` is the same for the first time only. The stages are ``mail`` (for every mailbox: ``""``), ``rcpt``,
    ``data``, ``middle`` (within the data) and ``dot``; what happens is a reply line, ``"die"`` or ``"hang"``.
    """

    offered: tuple[str, ...] = OFFERED
    at: dict[tuple[str, str], str] = field(default_factory=dict)
    once: dict[tuple[str, str], str] = field(default_factory=dict)
    greeting: str = "220 store.test LMTP"
    port: int = field(default_factory=free_port)
    kept: list[Kept] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def address(self) -> str:
        """As settings write it."""
        return f"inet:{self.port}@{LOOPBACK}"

    @property
    def by_mailbox(self) -> dict[str, list[Kept]]:
        """What has come, by recipient."""
        found: dict[str, list[Kept]] = {}
        for kept in self.kept:
            found.setdefault(kept.mailbox, []).append(kept)
        return found

    def end_connections(self) -> None:
        """Close every open connection, as a restarted store does."""
        for client in list(self._open):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((LOOPBACK, self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end_connections()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, Died), client, client.makefile("rb") as lines:
            Talk(self, client, lines).run()
        self._open.discard(client)

    def step(self, mailbox: str, stage: str, otherwise: str) -> str:
        """Return the reply for a stage, or do what the script says."""
        what = self.once.pop((mailbox, stage), None) or self.at.get((mailbox, stage), otherwise)
        if what == "die":
            raise Died
        if what == "hang":
            self._ended.wait(30)
            raise Died
        return what


class Died(Exception):
    """The script wants the connection to end here."""


class Talk:
    """One connection."""

    def __init__(self, script: ScriptedStore, client: socket.socket, lines: BinaryIO) -> None:
        self._script, self._client, self._lines = script, client, lines
        self._mail = self._rcpt = self._mailbox = ""

    def run(self) -> None:
        """Answer to the end."""
        verbs = {"LHLO": self._lhlo, "MAIL": self._take_mail, "RCPT": self._take_rcpt, "DATA": self._data}
        self._say(self._script.greeting)
        while line := self._lines.readline():
            command = line.decode("utf-8", "replace").rstrip("\r\n")
            self._script.commands.append(command)
            action = verbs.get(command[:4].upper())
            self._say("250 2.0.0 OK" if action is None else action(command))

    def _say(self, reply: str) -> None:
        self._client.sendall(reply.encode() + b"\r\n")

    def _lhlo(self, _command: str) -> str:
        return "\r\n".join([*(f"250-{item}" for item in ("store.test", *self._script.offered)), "250 HELP"])

    def _take_mail(self, command: str) -> str:
        self._mail = command
        return self._script.step("", "mail", "250 2.1.0 OK")

    def _take_rcpt(self, command: str) -> str:
        self._rcpt, self._mailbox = command, command.partition("<")[2].partition(">")[0]
        return self._script.step(self._mailbox, "rcpt", "250 2.1.5 OK")

    def _data(self, _command: str) -> str:
        reply = self._script.step(self._mailbox, "data", "354 go on")
        if not reply.startswith("354"):
            return reply
        self._say(reply)
        wire = b"".join(self._content())
        reply = self._script.step(self._mailbox, "dot", f"250 2.0.0 <{self._mailbox}> Saved")
        if reply.startswith("250"):
            self._script.kept.append(Kept(self._mail, self._rcpt, wire))
        return reply

    def _content(self) -> Iterator[bytes]:
        before, count = b"\r\n", 0
        while line := self._lines.readline(65536):
            if line == b".\r\n" and before.endswith(b"\r\n"):
                return
            if count == 1:
                self._script.step(self._mailbox, "middle", "")
            yield line
            before, count = line, count + 1
        raise Died


@contextmanager
def store(**how) -> Iterator[ScriptedStore]:  # type: ignore[no-untyped-def]
    """Run a scripted store."""
    with ScriptedStore(**how) as running:
        yield running
