"""A proxy before a ManageSieve server that holds up one mailbox: what it asks after its login is named goes nowhere."""

import socket
import threading
from base64 import b64decode
from binascii import Error
from types import TracebackType
from typing import Self

from byname.sandbox.ports import LOOPBACK


class Holding:
    """A context manager; connections without TLS."""

    def __init__(self, behind: int, mailbox: str) -> None:
        self._behind, self._mailbox = behind, mailbox.encode()
        self._listener = socket.create_server((LOOPBACK, 0))
        self._open: list[socket.socket] = [self._listener]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((LOOPBACK, self._behind))
            self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while block := source.recv(65_536):
                if not self._names_the_mailbox(block):
                    target.sendall(block)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def _names_the_mailbox(self, block: bytes) -> bool:
        try:
            return self._mailbox in b64decode(block.split(b'"')[3])
        except (IndexError, Error):
            return False
