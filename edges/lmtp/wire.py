"""One end of an LMTP connection: lines of bounded length, raw reads for message data, all with a time limit.

Both doors use it, towards the MTA and towards the mail store. Never holds more than one line and one read.
"""

import contextlib
import socket
import time
from collections.abc import Iterator

LONGEST_LINE = 8192  # octets; RFC 5321 section 4.5.3.1.4 says 512, extensions add, and an ORCPT of a long name more
_READ = 65_536


class LineTooLong(Exception):
    """A line of more than :data:`LONGEST_LINE` octets came. It has been read to its end and dropped."""

    def __str__(self) -> str:
        return "a line of too many octets"


class PeerGone(Exception):
    """The connection is over: ended by its peer, or broken."""


class PeerSilent(PeerGone):
    """Nothing came, or nothing was taken, for too long."""


class Wire:
    """Reads and writes one connected socket, which it owns."""

    def __init__(self, connected: socket.socket, send_seconds: float) -> None:
        """Own ``connected``. Sending may take ``send_seconds`` for each call."""
        self.socket = connected
        self._send_seconds = send_seconds
        self._buffer = bytearray()
        if connected.family != socket.AF_UNIX:  # a short write after a long one must not wait for an answer to it
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read_line(self, seconds: float) -> bytes:
        """Return the next line without its CRLF (or bare LF), within ``seconds`` in all.

        Raises:
            LineTooLong: it was.
            PeerGone: no whole line will come.
            PeerSilent: none came in time.
        """
        end, dropped = time.monotonic() + seconds, False
        while (at := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > LONGEST_LINE:
                self._buffer.clear()
                dropped = True
            self._buffer += self._receive(end - time.monotonic())
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 1]
        if dropped or at > LONGEST_LINE:
            raise LineTooLong
        return line.removesuffix(b"\r")

    def read_data(self, seconds: float) -> bytes:
        """Return what has come, one octet at least. Raises as :meth:`read_line`."""
        if not self._buffer:
            return self._receive(seconds)
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def unread(self, data: bytes) -> None:
        """Give back what belongs to the next line."""
        self._buffer[:0] = data

    def send(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises:
            PeerGone: the peer is gone.
            PeerSilent: it does not read.
        """
        with _translated():
            self.socket.settimeout(self._send_seconds)
            self.socket.sendall(data)

    def is_silent(self) -> bool:
        """True while the peer has sent nothing unread and is still there."""
        return not self._buffer and self._peek() is None

    def check_peer(self) -> None:
        """Look whether somebody is still there.

        Raises:
            PeerGone: the peer has ended the connection, and nothing that it sent is left to read.
        """
        if not self._buffer and self._peek() == b"":
            raise PeerGone("the connection was ended")

    def stop_reading(self) -> None:
        """Let reads find the end of the stream, those under way in another thread too."""
        with contextlib.suppress(OSError):  # over already
            self.socket.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """End the connection. Twice does no harm."""
        self.socket.close()

    def _peek(self) -> bytes | None:
        """Return a first octet without taking it, nothing for an ended stream, None when there is nothing yet."""
        try:
            self.socket.settimeout(0)
            return self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _receive(self, seconds: float) -> bytes:
        if seconds <= 0:
            raise PeerSilent("nothing came in time")
        with _translated():
            self.socket.settimeout(seconds)
            data = self.socket.recv(_READ)
        if not data:
            raise PeerGone("the connection was ended")
        return data


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise PeerSilent("nothing came, or was taken, in time") from error
    except OSError as error:
        raise PeerGone(str(error)) from error
