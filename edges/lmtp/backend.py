"""One LMTP connection to the mail store (RFC 2033, from the client's side).

What a failure shows: :class:`StoreFailed` for whatever is no reply in time and in form; the connection is then good
for nothing but closing. Nothing here is ever sent twice: after the final dot only the store knows what it has taken.
"""

import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from conf.listen import InetSocket, parse_socket
from edges.lmtp.replies import StoreReply
from edges.lmtp.wire import LineTooLong, PeerGone, Wire

_REPLY = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_MOST_LINES = 100
_CLOSING = 421

Extensions = Mapping[str, str]  # what LHLO offered: upper-case keyword to its parameters


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for the store. RFC 5321 section 4.5.3.2 has longer ones for the wide world; this is local."""

    connect: float = 5.0
    command: float = 30.0
    data: float = 300.0  # from the final dot to its reply


TIMEOUTS = Timeouts()


class StoreFailed(Exception):
    """The store is away, hangs, ended the connection or spoke no LMTP."""


class ConnectionStale(StoreFailed):
    """A kept connection turned out dead before anything of a message was sent over it: take a new one."""


class Transaction(Protocol):
    """One message for one recipient, as the commands of LMTP that the store knows."""

    def mail(self, offered: Extensions) -> bytes:
        """Return the MAIL command.

        Raises:
            StoreFailed: the store does not offer what the message cannot do without.
        """
        ...

    def rcpt(self, offered: Extensions) -> bytes:
        """Return the RCPT command."""
        ...

    def content(self) -> Iterable[bytes]:
        """Return the message in chunks, dots stuffed, up to the end of its last line."""
        ...


class Backend:
    """An open connection after its LHLO."""

    def __init__(self, address: str, timeouts: Timeouts = TIMEOUTS) -> None:
        """Connect to ``unix:/path`` or ``inet:port@host``.

        Raises:
            StoreFailed: nobody answers there, or something else than an LMTP server.
        """
        self._timeouts = timeouts
        self.is_kept = False  # set once it has been idle: it may have died since
        self._wire = Wire(_connected(address, timeouts.connect), timeouts.command)
        try:
            self._expect(220, self._reply(timeouts.command))
            offer = self._expect(250, self._command(b"LHLO " + socket.gethostname().encode("ascii", "replace")))
        except BaseException:
            self.close()
            raise
        self.offered: Extensions = dict(_extension(line) for line in offer.lines[1:])

    @property
    def is_sound(self) -> bool:
        """True while an idle connection has neither ended nor received anything unasked."""
        return self._wire.is_silent()

    def deliver(self, transaction: Transaction) -> StoreReply:
        """Hand over one message; return the reply that refused it, or the one to its final dot.

        Raises:
            ConnectionStale: this kept connection was dead from the start.
            StoreFailed: it broke later. If the final dot was sent, the store may have taken the message.
            OSError: the content of the transaction could not be read.
        """
        reply = self._open(transaction.mail(self.offered))
        if reply.accepts:
            reply = self._command(transaction.rcpt(self.offered))
        if not reply.accepts:
            return self._refused(reply)
        reply = self._command(b"DATA")
        if reply.code != 354:
            return self._refused(reply)
        for chunk in transaction.content():
            self._send(chunk)
        self._send(b".\r\n")
        reply = self._reply(self._timeouts.data)
        return reply if reply.accepts else self._refused(reply)

    def close(self) -> None:
        """End the connection without QUIT: an open transaction is void by that (RFC 5321 section 4.1.1.4)."""
        self._wire.close()

    def _open(self, mail: bytes) -> StoreReply:
        try:
            reply = self._command(mail)
        except StoreFailed as error:
            if self.is_kept:
                raise ConnectionStale(str(error)) from error
            raise
        if self.is_kept and reply.code == _CLOSING:
            raise ConnectionStale("the store ended a kept connection")
        return reply

    def _refused(self, reply: StoreReply) -> StoreReply:
        """Return a refusal, with the connection ready for another message, or closed if it is not."""
        if reply.code < 400:
            raise StoreFailed(f"the store answered {reply.code} out of turn")
        try:
            self._expect(250, self._command(b"RSET"))
        except StoreFailed:
            self.close()
        return reply

    def _command(self, line: bytes) -> StoreReply:
        self._send(line + b"\r\n")
        return self._reply(self._timeouts.command)

    def _send(self, data: bytes) -> None:
        try:
            self._wire.send(data)
        except PeerGone as error:
            raise StoreFailed(f"sending to the store: {error}") from error

    def _reply(self, seconds: float) -> StoreReply:
        lines: list[str] = []
        try:
            while len(lines) < _MOST_LINES:
                match = _REPLY.fullmatch(self._wire.read_line(seconds))
                if match is None:
                    break
                lines.append((match[3] or b"").decode("utf-8", "replace"))
                if match[2] != b"-":
                    return StoreReply(int(match[1]), tuple(lines))
        except (LineTooLong, PeerGone) as error:
            raise StoreFailed(f"waiting for the store: {error}") from error
        raise StoreFailed("the store does not speak LMTP")

    def _expect(self, code: int, reply: StoreReply) -> StoreReply:
        if reply.code != code:
            raise StoreFailed(f"the store answered {reply.code} {reply.lines[0]}")
        return reply


def _connected(address: str, seconds: float) -> socket.socket:
    where = parse_socket(address)
    try:
        if isinstance(where, InetSocket):
            return socket.create_connection((where.host, where.port), seconds)
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.settimeout(seconds)
            connected.connect(where.path)
        except BaseException:
            connected.close()
            raise
    except OSError as error:
        raise StoreFailed(f"cannot connect to {address}: {error.strerror or error}") from error
    return connected


def _extension(line: str) -> tuple[str, str]:
    keyword, _, parameters = line.partition(" ")
    return keyword.upper(), parameters.strip()
