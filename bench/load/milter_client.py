"""An MTA's side of the milter protocol, version 6, as far as the benches need it.

Frames are a length of four bytes, a letter and its data (sendmail's ``libmilter/docs`` and ``mfdef.h``; Postfix's
``milter8.c``). What the filter does not want to see is not sent, and no reply is waited for where it gives none.
"""

import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from conf.listen import InetSocket, UnixSocket, parse_socket

_VERSION = 6
_ALL_ACTIONS, _ALL_EVENTS = 0x1FF, 0x1FFFFF  # SMFIF_*, SMFIP_*: we can do it all, the filter takes its choice
OFFER = struct.pack("!III", _VERSION, _ALL_ACTIONS, _ALL_EVENTS)
_TIMEOUT = 30.0

# What a filter may decline to see (SMFIP_NO...), and where it may promise no reply (SMFIP_NR_...), by command.
NOT_SENT = {"C": 0x1, "H": 0x2, "M": 0x4, "R": 0x8, "B": 0x10, "L": 0x20, "N": 0x40, "T": 0x200}
NO_REPLY = {
    "L": 0x80, "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "N": 0x40000, "B": 0x80000,
}  # fmt: skip
VERDICTS = frozenset("acdrtysf4")  # accept, continue, discard, reject, tempfail, reply, skip, no connection, shutdown
_PROGRESS = "p"
_STAGES = ("C", "H", "M", "R", "T", "E", "N")  # SMFIM_CONNECT and so on, by their number


class ProtocolError(Exception):
    """A protocol error: the filter sent an unknown answer, or closed the connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The filter's answer to one event: ``letter`` as in the protocol, ``text`` of a reply of its own."""

    letter: str
    text: str = ""

    @property
    def code(self) -> int:
        """The SMTP code that the client would see: 250, 451 or 550 where the filter gives none of its own."""
        if self.letter == "y":
            return int(self.text[:3])
        return {"r": 550, "t": 451, "f": 421, "4": 421}.get(self.letter, 250)


CONTINUE = Answer("c")


class MilterClient:
    """One connection to a filter; a context manager. ``address`` is written as in ``[milter]`` of the settings."""

    def __init__(self, address: str, patience: float = _TIMEOUT) -> None:
        """Wait up to ``patience`` seconds for each answer."""
        self._socket = connected(address, patience)
        self._reader = self._socket.makefile("rb")
        self.changes: list[tuple[str, bytes]] = []  # what the filter changed at the last end of message

    def negotiate(self, offer: bytes = OFFER) -> None:
        """Agree on the events that the filter wants to see; the first thing to do."""
        self._send("O", offer)
        letter, data = self._frame()
        if letter != "O":
            raise ProtocolError(f"the filter does not negotiate, it says {letter!r}")
        self.version, self.actions, self.declined = struct.unpack("!III", data[:12])
        self.macros = wanted_macros(data[12:])

    def connect(self, name: str = "client.example", ip: str = "192.0.2.1", port: int = 25000) -> Answer:
        """Tell of a client."""
        return self.event("C", b"%s\0" % name.encode() + b"4" + struct.pack("!H", port) + ip.encode() + b"\0")

    def helo(self, name: str = "client.example") -> Answer:
        """Tell its greeting."""
        return self.event("H", name.encode() + b"\0")

    def mail(self, sender: str = "", *parameters: str, macros: Mapping[str, str] | None = None) -> Answer:
        """Begin a message. ``sender`` comes without angle brackets."""
        known = {"{mail_addr}": sender, "{mail_mailer}": "smtp", "{client_addr}": "192.0.2.1", **(macros or {})}
        return self.event("M", nul_strings(f"<{sender}>", *parameters), known)

    def rcpt(self, recipient: str, *parameters: str) -> Answer:
        """Name a recipient, without angle brackets."""
        known = {"{rcpt_addr}": recipient, "{rcpt_mailer}": "smtp"}
        return self.event("R", nul_strings(f"<{recipient}>", *parameters), known)

    def message(
        self, fields: Sequence[tuple[str, str]] = (), body: bytes = b"x\r\n", queue_id: str = "4Bench"
    ) -> Answer:
        """Send header and body, and return the answer at their end; see ``changes`` afterwards.

        A field's value is what stands after the colon, leading space included (SMFIP_HDR_LEADSPC).
        """
        steps = [("T", b""), *(("L", f"{name}\0{value}\0".encode()) for name, value in fields), ("N", b""), ("B", body)]
        for letter, data in steps:
            answer = self.event(letter, data, {"i": queue_id} if letter == "T" else None)
            if answer != CONTINUE:
                return answer
        self.changes = []
        return self.event("E", b"", {"i": queue_id})

    def abort(self) -> None:
        """Give the message up (RSET); there is no reply."""
        self._send("A")

    def send_frames(self, frames: bytes) -> None:
        """Send frames, good or bad, and wait for nothing."""
        self._socket.sendall(frames)

    def hang_up(self) -> None:
        """Drop the connection without a word."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection."""
        try:
            self._send("Q")
        except OSError:  # it is gone already
            pass
        finally:
            self._reader.close()
            self._socket.close()

    def event(self, letter: str, data: bytes, macros: Mapping[str, str] | None = None) -> Answer:
        """Send an event with its macros, and return the answer if one is due."""
        if self.declined & NOT_SENT.get(letter, 0):
            return CONTINUE
        known = b"" if macros is None else definitions(letter, macros, self.macros)
        self._socket.sendall(known + frame(letter, data))
        return CONTINUE if self.declined & NO_REPLY.get(letter, 0) else self._verdict()

    def _verdict(self) -> Answer:
        while True:
            letter, data = self._frame()
            if letter in VERDICTS:
                return Answer(letter, data.rstrip(b"\0").decode(errors="replace") if letter == "y" else "")
            if letter != _PROGRESS:
                self.changes.append((letter, data))

    def _send(self, letter: str, data: bytes = b"") -> None:
        self._socket.sendall(frame(letter, data))

    def _frame(self) -> tuple[str, bytes]:
        head = self._reader.read(5)
        if len(head) < 5:
            raise ProtocolError("the filter hung up")
        length, letter = struct.unpack("!Ic", head)
        return letter.decode("latin-1"), self._reader.read(length - 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def opened(address: str) -> MilterClient:
    """Return a connection after CONNECT and HELO, ready for MAIL."""
    client = MilterClient(address)
    try:
        client.negotiate()
        client.connect()
        client.helo()
    except BaseException:
        client.close()
        raise
    return client


def connected(address: str, patience: float = _TIMEOUT) -> socket.socket:
    """Return a socket to a filter."""
    place = parse_socket(address)
    family = socket.AF_UNIX if isinstance(place, UnixSocket) else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.settimeout(patience)
    if family == socket.AF_INET:  # as Postfix and Sendmail: an event must not wait for the ACK of the one before
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        made.connect((place.host, place.port) if isinstance(place, InetSocket) else place.path)
    except BaseException:
        made.close()
        raise
    return made


def frame(letter: str, data: bytes = b"") -> bytes:
    """Return one frame of the protocol."""
    return struct.pack("!Ic", len(data) + 1, letter.encode()) + data


def nul_strings(*texts: str) -> bytes:
    """Return texts as they follow each other in a frame; surrogates stand for bytes that are no UTF-8."""
    return b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in texts)


def wanted_macros(data: bytes) -> Mapping[str, frozenset[str]]:
    """Return the macros that a filter chose, by the letter of their event, from the end of its answer to the offer."""
    chosen: dict[str, frozenset[str]] = {}
    while data:
        (stage,) = struct.unpack_from("!I", data)
        names, _, data = data[4:].partition(b"\0")
        chosen[_STAGES[stage]] = frozenset(names.decode().split())
    return chosen


def definitions(letter: str, macros: Mapping[str, str], chosen: Mapping[str, frozenset[str]]) -> bytes:
    """Return the frame that defines an event's macros, of those that the filter chose if it did; nothing for none."""
    of_use = chosen.get(letter, macros.keys())
    pairs = [item for name, value in macros.items() if name in of_use for item in (name, value)]
    return frame("D", letter.encode() + nul_strings(*pairs)) if pairs else b""
