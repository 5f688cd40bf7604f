"""Who an invitation says it is from: ORGANIZER and ATTENDEE of iCalendar parts (RFC 5545, 5546, 6047).

A mail program shows the organizer of an invitation beside its From, or instead of it. So what acts for an organizer
(METHOD is REQUEST, PUBLISH, CANCEL ... or missing) may name only organizers that the sender owns, and a REPLY or a
REFRESH only attendees. An event that is attached without a METHOD is a file like any other.
"""

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass, field

from routing.address import Address
from routing.directory import Directory
from routing.header_from import addr_spec
from routing.header_refused import HeaderRefused
from routing.mime_parts import MimeParts, Reader
from routing.part_header import PartHeader
from routing.policy import Policy
from routing.replies import reply
from routing.trust import MOST_CLAIMS, first_not_owned
from routing.verdicts import Defer, Reject

_OF_ATTENDEES = frozenset({"REPLY", "COUNTER", "REFRESH"})
_FROM_ATTENDEE = frozenset({"REPLY", "REFRESH"})  # a COUNTER may propose others
_LONGEST = 4096  # octets of one property, unfolded
_PROPERTY = re.compile(rb"\s*(ORGANIZER|ATTENDEE|METHOD)\s*[;:](.*)", re.IGNORECASE | re.DOTALL)
_BORDER = re.compile(r"[\s'<>;:,=?]+")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")


@dataclass(slots=True)
class Invitations:
    """The addresses that the invitations of one message are from."""

    claimed: list[Address] = field(default_factory=list)
    unreadable: bool = False

    def reader_for(self, part: PartHeader) -> Reader | None:
        """Return who reads a part, None for one that is no calendar. Attached messages are passed over whole."""
        if part.kind.startswith("message/"):
            return None
        names = [part.disposition, *(value.decode("utf-8", "replace").lower() for _, value in part.parameters)]
        named = any(".ics" in _unescaped(name) for name in names)
        if part.kind in {"text/calendar", "application/ics"} or named:
            return _decoder(part.encoding, _Calendar(self, part))
        return None

    def add(self, texts: list[str]) -> None:
        """Note what was shown as the author."""
        try:
            found = [addr_spec(text) for text in texts]
        except HeaderRefused:
            self.unreadable = True
            return
        self.claimed = list(dict.fromkeys([*self.claimed, *found]))[: MOST_CLAIMS + 1]


def judge_invitations(
    directory: Directory, policy: Policy, login: str, parts: MimeParts, invitations: Invitations, at: float
) -> Reject | Defer | None:
    """Return the refusal of a message by the invitations in it, None when all are the sender's own."""
    if parts.trouble or invitations.unreadable or len(invitations.claimed) > MOST_CLAIMS:
        return Reject(reply("bad-mime"), "bad-mime")
    foreign = first_not_owned(directory, policy, login, invitations.claimed, at)
    if isinstance(foreign, Address):
        return Reject(reply("foreign-organizer", address=foreign, login=login), "foreign-organizer")
    return foreign


class _Calendar:
    """Reads the decoded octets of one calendar, whole properties at a time.

    A bare CR ends a line, as it does to some; without its NULs UTF-16 reads as ASCII.
    """

    def __init__(self, found: Invitations, part: PartHeader) -> None:
        self._found = found
        self._methods = {_upper(value) for key, value in part.parameters if key.startswith("method")}
        self._is_attachment = part.disposition.startswith("attachment")
        self._shown: dict[str, list[str]] = {"ORGANIZER": [], "ATTENDEE": []}
        self._line = b""  # a property, unfolded
        self._is_ended = False  # it has come to the end of a line, and may go on behind a fold

    def feed(self, octets: bytes) -> None:
        *lines, rest = octets.replace(b"\0", b"").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._extend(line)
            self._is_ended = True
        self._extend(rest)

    def _extend(self, piece: bytes) -> None:
        if self._is_ended and piece:
            self._is_ended = False
            if piece.startswith((b" ", b"\t")):
                piece = piece[1:]
            else:
                self._property()
        if len(self._line) <= _LONGEST:
            self._line = (self._line + piece)[: _LONGEST + 1]

    def _property(self) -> None:
        found, too_long, self._line = _PROPERTY.match(self._line), len(self._line) > _LONGEST, b""
        if found is None:
            return
        self._found.unreadable |= too_long
        name = _upper(found[1])
        if name == "METHOD":
            self._methods.add(_upper(found[2]))
            return
        words = _BORDER.split(_as_read(found[2].decode("utf-8", "replace")))
        shown = [word for word in words if "@" in word.strip("@")]  # also in CN, SENT-BY and EMAIL: people read them
        self._shown[name] = list(dict.fromkeys([*self._shown[name], *shown]))[: MOST_CLAIMS + 1]

    def end(self) -> None:
        self._property()
        if not self._methods and self._is_attachment:
            return
        if not self._methods or self._methods - _OF_ATTENDEES:
            self._found.add(self._shown["ORGANIZER"])
        elif self._methods & _FROM_ATTENDEE:
            self._found.add(self._shown["ATTENDEE"])


def _upper(text: bytes) -> str:
    return text.decode("utf-8", "replace").strip().upper()


def _as_read(text: str) -> str:
    return unicodedata.normalize("NFKC", _unescaped(text)).replace('"', "").replace("\\", "")


def _unescaped(text: str) -> str:
    return _PERCENT.sub(lambda found: chr(int(found[1], 16)), text)


def _decoder(encoding: str, calendar: _Calendar) -> Reader:
    return {"base64": _Base64, "quoted-printable": _QuotedPrintable}.get(encoding, _Plain)(calendar)


class _Plain:
    """A part that stands as it is."""

    def __init__(self, calendar: _Calendar) -> None:
        self._calendar = calendar
        self._kept = b""

    def feed(self, octets: bytes) -> None:
        self._calendar.feed(octets)

    def end(self) -> None:
        self._calendar.end()


class _Base64(_Plain):
    def feed(self, octets: bytes) -> None:
        """Decode as a lenient program does, which passes over what is no base64."""
        data = self._kept + _NOT_BASE64.sub(b"", octets)
        whole = len(data) - len(data) % 4
        self._kept = data[whole:]
        self._calendar.feed(base64.b64decode(data[:whole]))

    def end(self) -> None:
        with_padding = self._kept + b"=" * (-len(self._kept) % 4)
        if len(self._kept) > 1:
            self._calendar.feed(base64.b64decode(with_padding))
        super().end()


class _QuotedPrintable(_Plain):
    def feed(self, octets: bytes) -> None:
        """Decode whole lines, and of a long one all but what may be half an escape."""
        data = self._kept + octets
        whole = data.rfind(b"\n") + 1
        if not whole and len(data) > _LONGEST:
            escape = data.rfind(b"=", len(data) - 3)
            whole = escape if escape >= 0 else len(data)
        self._kept = data[whole:]
        self._calendar.feed(binascii.a2b_qp(data[:whole]))

    def end(self) -> None:
        self._calendar.feed(binascii.a2b_qp(self._kept))
        super().end()
