"""A connection to a ManageSieve server: bytes both ways, each within its time, in TLS that was verified.

Why not sievelib's client: docs/facts.md, "ManageSieve".
"""

import socket
import ssl
import time
from dataclasses import dataclass
from typing import Literal

from admin_api.filtering.errors import NoAnswer, ServerUnreachable
from conf.listen import Socket, UnixSocket

_BLOCK = 16_384
_LONGEST_LINE = 65_536  # bytes; the greeting names all extensions
_LONGEST_ANSWER = 4_194_304  # bytes, scripts in it counted; Dovecot takes one of a MiB unless told otherwise

Security = Literal["starttls", "implicit", "none"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds things may take."""

    connect: float
    answer: float
    session: float  # in all


class Connection:
    """An open connection. What arrives slower than it may raises NoAnswer; so does the end of the connection."""

    def __init__(self, place: Socket, patience: Patience) -> None:
        """Connect.

        Raises:
            ServerUnreachable: nobody answers there.
        """
        self._patience = patience
        self._ends = time.monotonic() + patience.session
        self._until = self._ends
        self._left_of_answer = _LONGEST_ANSWER
        self._buffer = b""
        self._place = place
        try:
            self._socket = _connected(place, patience.connect)
        except OSError as error:
            raise ServerUnreachable(f"no connection: {_words(error)}") from None
        self.expect_answer()

    def secure(self, context: ssl.SSLContext) -> None:
        """Go on in TLS.

        Raises:
            ServerUnreachable: the certificate is not one of that name, or there is no TLS at all.
        """
        if self._buffer or isinstance(self._place, UnixSocket):
            raise ServerUnreachable("the server spoke before TLS began")  # whoever is between us may have
        try:
            self._socket.settimeout(self._left())
            self._socket = context.wrap_socket(self._socket, server_hostname=self._place.host)
        except ssl.SSLCertVerificationError as error:
            raise ServerUnreachable(f"the server's certificate is not to be trusted: {error.verify_message}") from None
        except OSError as error:
            raise ServerUnreachable(f"no TLS: {_words(error)}") from None

    def expect_answer(self) -> None:
        """Begin the time for an answer, and its size."""
        self._left_of_answer = _LONGEST_ANSWER
        self._until = min(time.monotonic() + self._patience.answer, self._ends)

    def send(self, content: bytes) -> None:
        """Send all of it."""
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(content)
        except OSError as error:
            raise NoAnswer(_words(error)) from None

    def line(self) -> bytes:
        """Return the next line without its CRLF."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise NoAnswer("the server's line is too long")
            self._buffer += self._received()
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def block(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        if size > self._left_of_answer:
            raise NoAnswer(_LONG)
        parts = [self._buffer]
        missing = size - len(self._buffer)
        while missing > 0:
            parts.append(self._received())
            missing -= len(parts[-1])
        content = b"".join(parts)
        self._buffer = content[size:]
        return content[:size]

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _received(self) -> bytes:
        try:
            self._socket.settimeout(self._left())
            block = self._socket.recv(_BLOCK)
        except OSError as error:
            raise NoAnswer(_words(error)) from None
        if not block:
            raise NoAnswer("the server closed the connection")
        self._left_of_answer -= len(block)
        if self._left_of_answer < 0:
            raise NoAnswer(_LONG)
        return block

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise NoAnswer(_SLOW)
        return left


_SLOW, _LONG = "the server does not answer in time", "the server's answer is too long"


def tls_context(ca: str | None) -> ssl.SSLContext:
    """Return what verifies a server's certificate and name, by the authorities in a file or by the system's.

    Raises:
        OSError: the file cannot be read.
        ssl.SSLError: it holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _connected(place: Socket, timeout: float) -> socket.socket:
    if not isinstance(place, UnixSocket):
        return socket.create_connection((place.host, place.port), timeout)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.settimeout(timeout)
        made.connect(place.path)
    except OSError:
        made.close()
        raise
    return made


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return _SLOW
    return error.strerror or str(error)
