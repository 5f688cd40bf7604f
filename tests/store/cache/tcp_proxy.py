"""A network that misbehaves: forwards one TCP port to a unix socket, slowly, by single bytes, or not at all."""

import contextlib
import socket
import threading
import time
from pathlib import Path


class TcpProxy:
    """Forwards until closed. What it does with bytes on their way to the client can be changed at any time."""

    def __init__(self, target: Path) -> None:
        self.delay = 0.0  # seconds before each piece
        self.piece = 65_536  # bytes of a piece
        self.swallows = False  # a half-open connection: nothing arrives, nothing is refused
        self.target = target  # of new connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.target))
                threading.Thread(target=self._forward, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, True), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, disturbed: bool) -> None:
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(65_536):
                if not disturbed:
                    target.sendall(data)
                    continue
                for start in range(0, len(data), self.piece):
                    time.sleep(self.delay)
                    if not self.swallows:
                        target.sendall(data[start : start + self.piece])
            target.shutdown(socket.SHUT_RDWR)  # its other thread, which waits for it, holds it open
