"""The header of a spooled message: which fields do not pass, and where it ends. Bounded memory, however long it is.

A line ends at LF, with or without CR, because a store may see it so; a field that only a lenient reader sees must not
slip through. The header ends at the first empty line or at the first line that is no field. Some stores (Dovecot) read
on after such a line; so an empty line is put before it, as Postfix does.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from edges.lmtp.spool import Spool
from routing.trace import DELIVERED_TO, TRACE, Findings, TraceFields

LONGEST_HEADER = 1024 * 1024  # octets

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")  # RFC 5322 section 2.2, and blanks before the colon (section 4.5)
_EMPTY = (b"\n", b"\r\n")
_OURS = {name.lower(): name for name in (DELIVERED_TO, TRACE)}

Watcher = Callable[[str, bytes], None]
Range = tuple[int, int]  # first octet, and the one after the last


class HeaderTooLarge(Exception):
    """The header has more than :data:`LONGEST_HEADER` octets."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field that matters for Delivered-To, and where it stands in the spool."""

    name: str  # as in routing.trace
    place: Range


@dataclass(frozen=True, slots=True)
class Header:
    """What was found in a header."""

    trace_fields: TraceFields
    fields: tuple[Field, ...]  # Delivered-To and X-Byname-Trace only
    end: int  # where the body, or its empty line, begins
    lacks_empty_line: bool  # it ended at a line that is no field
    received: bytes | None = None  # the value of the topmost Received field

    def removed(self, findings: Findings) -> list[Range]:
        """Return what is to be left out of every copy, in order."""
        wanted = {DELIVERED_TO: frozenset(findings.delivered_to), TRACE: frozenset(findings.traces)}
        seen = dict.fromkeys(wanted, 0)
        ranges: list[Range] = []
        for field in self.fields:
            seen[field.name] += 1
            if seen[field.name] in wanted[field.name]:
                ranges.append(field.place)
        return ranges


def read_header(spool: Spool, longest: int = LONGEST_HEADER, watcher: Watcher | None = None) -> Header:
    """Read the header of a message that is complete; ``watcher`` is shown every field.

    Raises:
        HeaderTooLarge: it is longer than ``longest``.
        OSError: the spool cannot be read.
    """
    reader = _Reader(watcher)
    for line in spool.lines(longest + 1):
        if not reader.takes(line):
            break
        if reader.end > longest:
            raise HeaderTooLarge
    return reader.header()


class _Reader:
    """Takes a header line by line."""

    def __init__(self, watcher: Watcher | None) -> None:
        self.end = 0
        self._watcher = watcher
        self._trail = TraceFields()
        self._fields: list[Field] = []
        self._lacks_empty_line = False
        self._received: bytes | None = None
        self._name: str | None = None  # of the field that is being read
        self._value = bytearray()
        self._start = 0

    def takes(self, line: bytes) -> bool:
        """Add a line; False when it does not belong to the header any more."""
        plain = line.removeprefix(b".")  # stuffed, or what a store would take for it
        if line in _EMPTY:
            return False
        if plain[:1] in {b" ", b"\t"} and self._name is not None:
            self._value += plain
        elif (match := _FIELD.match(plain)) is not None:
            self._finish()
            self._name, self._start = match[1].decode("ascii"), self.end
            self._value = bytearray(plain[match.end() :])
        else:
            self._lacks_empty_line = True
            return False
        self.end += len(line)
        return True

    def header(self) -> Header:
        """Return what was found."""
        self._finish()
        return Header(self._trail, tuple(self._fields), self.end, self._lacks_empty_line, self._received)

    def _finish(self) -> None:
        if self._name is None:
            return
        self._trail.add(self._name, bytes(self._value))
        if self._watcher is not None:
            self._watcher(self._name, bytes(self._value).rstrip(b"\r\n"))
        if self._received is None and self._name.lower() == "received":
            self._received = bytes(self._value)
        known = _OURS.get(self._name.lower())
        if known is not None:
            self._fields.append(Field(known, (self._start, self.end)))
