"""The socket of a milter: claimed for one process, opened by libmilter."""

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import Milter

from conf.listen import InetSocket, UnixSocket, parse_socket
from conf.service import ListenError, SocketBusy, SocketLock

_GROUP_ONLY = 0o007  # umask: the MTA reaches the socket through the group of its (setgid) folder, nobody else does
_PATIENCE = 2.0  # seconds; a port may stay busy for one after a kill (docs/facts.md, "Milter and Postfix")
_BETWEEN_TRIES = 0.1


@contextmanager
def claimed(address: str) -> Iterator[None]:
    """Hold ``unix:/path`` or ``inet:port@host`` for this process.

    libmilter would silently steal a unix socket from a running instance, and says nothing useful of a busy port.

    Raises:
        SocketBusy: another process serves it.
        ListenError: it cannot be listened on.
    """
    where = parse_socket(address)
    if isinstance(where, UnixSocket):
        with SocketLock(where.path):
            yield
    else:
        _wait_for_port(where)
        yield


def open_socket(address: str) -> None:
    """Let libmilter listen.

    Raises:
        ListenError: libmilter could not.
    """
    before = os.umask(_GROUP_ONLY)
    try:
        Milter.setconn(address)
        Milter.opensocket(False)
    except Milter.error as error:
        raise ListenError(f"cannot listen on {address}: {error}") from error
    finally:
        os.umask(before)


def close_to_newcomers(address: str) -> None:
    """Unlink a unix socket, so that no new session starts while the open ones end."""
    where = parse_socket(address)
    if isinstance(where, UnixSocket):
        Path(where.path).unlink(missing_ok=True)


def _wait_for_port(where: InetSocket) -> None:
    give_up_at = time.monotonic() + _PATIENCE
    while (trouble := _trouble_with(where)) is not None:
        if trouble.errno != errno.EADDRINUSE:
            raise ListenError(f"cannot listen on inet:{where.port}@{where.host}: {trouble.strerror}")
        if time.monotonic() > give_up_at:
            raise SocketBusy(f"another program already listens on inet:{where.port}@{where.host}")
        time.sleep(_BETWEEN_TRIES)


def _trouble_with(where: InetSocket) -> OSError | None:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None
