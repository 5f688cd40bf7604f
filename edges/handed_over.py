"""The sockets that systemd listens on and hands to the daemon which it starts, as sd_listen_fds(3).

They outlive the process: who connects while it is restarted waits for the next one, and is not turned away.
"""

import os
import socket

import structlog

from conf.listen import Socket, UnixSocket
from conf.service import ListenError

_FIRST = 3  # SD_LISTEN_FDS_START; the others follow it

log = structlog.get_logger()


def handed_over(where: Socket, first: int = _FIRST) -> socket.socket | None:
    """Return the socket that the service manager listens on at that address; None when it hands over no such one.

    One at another address is closed with a line in the log: what stands in the settings holds. Asked once; the
    variables are gone then, so that no child takes the descriptors for its own.

    Raises:
        ListenError: what is handed over is no socket.
    """
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    if pid != str(os.getpid()):
        return None
    found = None
    for descriptor in range(first, first + int(count)):
        listener = _socket(descriptor)
        if found is None and _is_at(listener, where):
            found = listener
        else:
            log.warning("socket-not-in-the-settings", handed_over=str(listener.getsockname()))
            listener.close()
    return found


def _socket(descriptor: int) -> socket.socket:
    try:
        listener = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenError(f"descriptor {descriptor}, handed over by the service manager: {error.strerror}") from error
    listener.set_inheritable(False)
    return listener


def _is_at(listener: socket.socket, where: Socket) -> bool:
    name = listener.getsockname()
    if isinstance(where, UnixSocket):
        return listener.family == socket.AF_UNIX and name == where.path
    return listener.family != socket.AF_UNIX and name[:2] == (where.host, where.port)
