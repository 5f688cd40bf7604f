"""Service helpers for every daemon: readiness for the service manager (sd_notify), and one owner per socket."""

import errno
import fcntl
import os
import socket
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

_PROBE_SECONDS = 1.0


class ListenError(Exception):
    """The address cannot be listened on as things are set up; the message says which and why."""


class SocketBusy(ListenError):
    """Another process listens there now; it may be free later."""


def notify(state: str) -> None:
    """Tell the service manager, as sd_notify(3): ``READY=1``, ``STOPPING=1``, ``STATUS=...``.

    Silent without ``NOTIFY_SOCKET``, and never raises: that must not fail mail (docs/design.md, section 8).
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # the abstract namespace, unix(7)
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(state.encode(), address)
    except (OSError, UnicodeError):
        return


class SocketLock:
    """A lock for the right to listen on a unix socket, held as flock(2) on ``<socket>.lock`` beside it.

    A second process that binds the same path would silently take the mail of the first (docs/facts.md, "Milter and
    Postfix"). The kernel drops the lock with its process, so a killed daemon leaves none behind; the lock *file*
    stays, because removing it would let two processes lock two files of one name.
    """

    def __init__(self, path: str | Path) -> None:
        """Take the lock and remove a socket that a dead process left at ``path``.

        Raises:
            SocketBusy: another process holds the lock, or listens on the socket without one.
            ListenError: the folder is missing or not writable, or ``path`` is something other than a socket.
        """
        self.path = Path(path)
        self._descriptor = _locked(self.path)
        try:
            _remove_stale(self.path)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the lock back. Twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        """Return the lock, held until the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Give the lock back."""
        self.release()


def _locked(path: Path) -> int:
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ListenError(f"cannot listen on unix:{path}: {lock}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise SocketBusy(f"another process already serves unix:{path} (it holds {lock})") from error
    return descriptor


def _remove_stale(path: Path) -> None:
    """Remove the socket at ``path`` unless somebody answers there. Call it with the lock held."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"cannot listen on unix:{path}: something that is not a socket is there")
    if _answers(path):
        raise SocketBusy(f"another program already listens on unix:{path}")
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ListenError(f"cannot remove the old socket {path}: {error.strerror}") from error


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except OSError as error:
            return error.errno not in {errno.ECONNREFUSED, errno.ENOENT}
    return True
