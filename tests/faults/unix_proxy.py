"""A bad line between Redis and its clients: a proxy in the place of its unix socket."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from byname.sandbox.redis import PrivateRedis


@contextmanager
def proxied(redis: PrivateRedis, *, delay: float = 0.0, swallows: bool = False) -> Iterator[None]:
    """Put a proxy between Redis and all its clients, which have to connect again, for the length of a block.

    ``delay``: seconds before each reply; ``swallows``: no reply ever, and no end of the connection.
    """
    real = redis.socket.with_name("real.sock")
    redis.socket.rename(real)
    proxy = _Proxy(redis.socket, real, delay, swallows=swallows)
    try:
        _disconnect_all(real)
        yield
    finally:
        redis.socket.unlink()
        real.rename(redis.socket)
        proxy.close()


def _disconnect_all(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        client.sendall(b"CLIENT KILL TYPE normal\r\nCLIENT KILL TYPE pubsub\r\n")
        client.recv(100)


class _Proxy:
    def __init__(self, path: Path, target: Path, delay: float, *, swallows: bool) -> None:
        self._target = target
        self._delay = delay
        self._swallows = swallows
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Close the listener and all connections."""
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._target))
                self._open += [client, server]
                threading.Thread(target=self._forward, args=(client, server, 0.0, False), daemon=True).start()
                back = (server, client, self._delay, self._swallows)
                threading.Thread(target=self._forward, args=back, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, delay: float, swallows: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                time.sleep(delay)
                if not swallows:
                    target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
