"""Listening sockets, by the addresses that the settings use: ``unix:/path`` and ``inet:port@host``."""

import errno
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from conf.listen import InetSocket, parse_socket
from conf.service import ListenError, SocketBusy, SocketLock
from edges.handed_over import handed_over

BACKLOG = 128
# As umask: the daemon and its group (Postfix's, in a setgid folder) and nobody else (docs/facts.md, "Milter and
# Postfix").
_GROUP_ONLY = 0o117


@dataclass(slots=True)
class Listener:
    """A socket that accepts connections, and what must be given back when it closes."""

    socket: socket.socket
    address: str  # as in the settings, for people
    lock: SocketLock | None = None  # None: TCP, or the service manager's socket, whose name stays

    def close(self) -> None:
        """Stop accepting: remove the name first, so that no client connects to a socket about to die."""
        if self.lock is not None:
            self.lock.path.unlink(missing_ok=True)
        self.socket.close()
        if self.lock is not None:
            self.lock.release()


def open_listener(address: str) -> Listener:
    """Listen on ``unix:/path`` or ``inet:port@host``, or take the socket that the service manager holds there.

    Raises:
        ValueError: it is neither; the settings have checked that before.
        SocketBusy: somebody else listens there.
        ListenError: the address does not belong to this machine, or the folder is missing or not writable.
    """
    where = parse_socket(address)
    if (listener := handed_over(where)) is not None:
        return Listener(listener, address)
    if isinstance(where, InetSocket):
        return Listener(_bound_inet(where, address), address)
    return _open_unix(Path(where.path))


def _open_unix(path: Path) -> Listener:
    lock = SocketLock(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(_GROUP_ONLY)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        lock.release()
        raise ListenError(f"cannot listen on unix:{path}: {error.strerror or error}") from error
    return Listener(listener, f"unix:{path}", lock)


def _bound_inet(at: InetSocket, address: str) -> socket.socket:
    try:
        family, kind, proto, _, where = socket.getaddrinfo(at.host, at.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SocketBusy(f"another program already listens on {address}") from error
        raise ListenError(f"cannot listen on {address}: {error.strerror}") from error
    return listener
