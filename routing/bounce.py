"""Whether a message without a sender is a report about mail that an alias sent (RFC 3464, RFC 6522).

Everybody can write ``MAIL FROM:<>``. So what counts is a delivery status report that says what became of some recipient
and returns the message, or its header, with the alias as its only author. That proves that somebody saw mail of the
alias; a report that is forged whole is not told from a true one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from routing.address import Address
from routing.guard import plain_name
from routing.header_from import parse_author
from routing.header_refused import HeaderRefused
from routing.mime_parts import MimeParts, Reader
from routing.part_header import MalformedPart, PartHeader, read_header
from routing.raw_message import header_fields

_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED = frozenset({"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"})
_AS_IT_IS = frozenset({"", "7bit", "8bit", "binary"})  # RFC 6522 section 3: these parts are not encoded
_MOST = 64 * 1024  # octets kept of one part
_ACTION = re.compile(rb"^action[ \t]*:[ \t]*(?:failed|delayed|delivered|relayed|expanded)\b", re.IGNORECASE | re.M)
_RECIPIENT = re.compile(rb"^final-recipient[ \t]*:[ \t]*[^\s;]+[ \t]*;[ \t]*\S", re.IGNORECASE | re.M)


@dataclass(slots=True)
class _Kept:
    """Keeps the beginning of one part."""

    octets: bytearray = field(default_factory=bytearray)

    def feed(self, octets: bytes) -> None:
        """Take octets up to the bound."""
        self.octets += octets[: max(0, _MOST - len(self.octets))]

    def end(self) -> None:
        """The part is over."""


class Report:
    """One body as it streams by. Feed it the content fields of the header, then the body in any pieces."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._parts: MimeParts | None = None
        self._statuses: list[_Kept] = []
        self._returned: list[_Kept] = []

    def add(self, name: str, value: bytes) -> None:
        """Note a field of the message's header, whatever its name."""
        plain = plain_name(name)
        if plain.startswith("content-") and len(self._head) <= _MOST:
            self._head += plain.encode("ascii") + b":" + value + b"\r\n"

    def body(self, octets: bytes) -> None:
        """Take the next octets of the body."""
        if self._parts is None:
            self._parts = MimeParts(self._reader_for)
            if not _says_report(bytes(self._head)):
                self._parts.trouble = True
            self._parts.feed(bytes(self._head) + b"\r\n")
        if not self._parts.is_over:
            self._parts.feed(octets)

    @property
    def is_over(self) -> bool:
        """True when nothing that may follow matters."""
        return self._parts is not None and self._parts.is_over

    def authors(self) -> list[Address]:
        """Return the author of each message that is returned; none where this is no report, or cannot be read."""
        if self._parts is None or self._parts.trouble:
            return []
        self._parts.end()
        if self._parts.trouble or not any(_reports(bytes(status.octets)) for status in self._statuses):
            return []
        return list(_authors(bytes(each.octets) for each in self._returned))

    def _reader_for(self, part: PartHeader) -> Reader | None:
        wanted = self._statuses if part.kind in _STATUS else self._returned if part.kind in _RETURNED else None
        if wanted is None or part.encoding not in _AS_IT_IS or len(wanted) > 1:
            return None
        wanted.append(_Kept())
        return wanted[-1]


def _says_report(head: bytes) -> bool:
    try:
        part = read_header(head)
    except MalformedPart:
        return False
    return part.kind == "multipart/report" and (part.parameter("report-type") or b"").lower() == b"delivery-status"


def _reports(status: bytes) -> bool:
    return bool(_ACTION.search(status) and _RECIPIENT.search(status))


def _authors(headers: Iterator[bytes]) -> Iterator[Address]:
    for header in headers:
        fields = [each for each in header_fields(header) if plain_name(each.name) == "from"]
        if len(fields) != 1:
            continue
        try:
            yield parse_author(fields[0].value).address
        except HeaderRefused:
            continue
