"""The parts of a MIME body (RFC 2045, 2046), as it streams by: only what one kind of part holds is handed on.

It keeps a line's beginning and one part's header, however long the body is. An attached message is one part: what is
inside is not taken apart.
What two programs could take apart in two ways is not guessed at: ``trouble`` says so, and the caller refuses.
"""

import re
from collections.abc import Callable
from typing import Protocol

from routing.part_header import MalformedPart, PartHeader, read_header

DEEPEST = 20  # multiparts in one another
MOST_PARTS = 1000
MOST_MULTIPARTS = 100
LONGEST_HEADER = 16_384  # octets of one part's header
_LONGEST_LINE = 4096  # octets kept of a line that is not over yet

_BARE_CR = re.compile(rb"\r--([^\r\n]{1,80})")  # a delimiter to who takes a bare CR for the end of a line


class Reader(Protocol):
    """Takes the content of a part that was asked for."""

    def feed(self, octets: bytes) -> None:
        """Take octets as they stand in the body, still encoded."""
        ...

    def end(self) -> None:
        """The part is over."""
        ...


class MimeParts:
    """Walks through one body. Feed it the header's content fields, an empty line and the body, in any pieces."""

    def __init__(self, reader_for: Callable[[PartHeader], Reader | None]) -> None:
        """``reader_for`` says who reads a part that is no multipart; None: nobody."""
        self.trouble = False
        self._reader_for = reader_for
        self._boundaries: list[bytes] = []
        self._starts: tuple[bytes, ...] = ()  # how a line begins that may be a delimiter
        self._reader: Reader | None = None
        self._header: bytes | None = b""  # of the part that begins; None: past it
        self._parts = 0
        self._rest = b""
        self._seen: list[tuple[bytes, int]] = []  # every boundary, and where in the message it was told
        self._fed = 0  # octets so far
        self._at = 0  # where the line at hand ends: place of its last octet
        self._tail = b""  # of what came last
        self._inside_line = False  # what comes next continues a line whose beginning is gone

    @property
    def is_over(self) -> bool:
        """True when nothing that may follow matters."""
        idle = self._header is None and self._reader is None and not self._boundaries
        return self.trouble or idle

    def feed(self, octets: bytes) -> None:
        """Take the next octets."""
        data, self._rest = self._rest + octets, b""
        self._fed += len(octets)
        self._walk(data, self._fed - len(data))
        window, self._tail = self._tail + octets, (self._tail + octets)[-80:]
        if b"\r--" in window:
            begin = self._fed - len(window)
            hidden = [(found[1], begin + found.start()) for found in _BARE_CR.finditer(window)]
            self.trouble |= any(self._is_boundary(line, place) for line, place in hidden)

    def _is_boundary(self, line: bytes, place: int) -> bool:
        """Whether ``line`` begins with a boundary that was told before it: so however the message came in pieces."""
        return any(told <= place and line.startswith(boundary) for boundary, told in self._seen)

    def _walk(self, data: bytes, begin: int) -> None:
        at = 0
        while at < len(data) and not self.is_over:
            if self._can_hop(data, at):
                at = self._hop(data, at)
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._keep(data[at:])
                return
            self._at = begin + end
            self._line(data[at : end + 1])
            self._inside_line = False
            at = end + 1

    def end(self) -> None:
        """The body is over."""
        if self._rest:
            self._line(self._rest)
        self._end_part()

    def _can_hop(self, data: bytes, at: int) -> bool:
        """True where only the next line that begins with two hyphens matters, which is found faster than read."""
        return self._header is None and (self._inside_line or not (data.startswith(b"--", at) or data[at:] == b"-"))

    def _hop(self, data: bytes, at: int) -> int:
        found = data.find(b"\n--", at)
        if found >= 0:
            stop, self._inside_line = found + 1, False
        else:
            kept = next((end for end in (b"\n-", b"\n") if data.endswith(end)), b"")
            self._inside_line, self._rest = not kept, kept[1:]
            stop = len(data) - len(self._rest)
        if self._reader is not None:
            self._reader.feed(data[at:stop])
        return found + 1 if found >= 0 else len(data)

    def _keep(self, line: bytes) -> None:
        if len(line) <= _LONGEST_LINE:
            self._rest = line
        else:
            self._line(line)
            self._inside_line = True

    def _line(self, line: bytes) -> None:
        if not self._inside_line and line.startswith(self._starts) and self._is_delimiter(line.rstrip()):
            return
        if self._header is not None:
            self._header_line(line)
        elif self._reader is not None:
            self._reader.feed(line)

    def _is_delimiter(self, line: bytes) -> bool:
        for depth in range(len(self._boundaries), 0, -1):
            delimiter = b"--" + self._boundaries[depth - 1]
            if line in {delimiter, delimiter + b"--"}:
                self._end_part()
                is_last = line != delimiter
                self._set_boundaries(self._boundaries[: depth - is_last])
                self._header = None if is_last else b""
                return True
        self.trouble = True  # a delimiter to a program that compares beginnings only
        return False

    def _set_boundaries(self, boundaries: list[bytes]) -> None:
        self._boundaries = boundaries
        self._starts = tuple(b"--" + boundary for boundary in boundaries)

    def _header_line(self, line: bytes) -> None:
        header = self._header or b""
        if line.strip(b"\r\n") and len(header) + len(line) <= LONGEST_HEADER:
            self._header = header + line
            return
        self._header = None
        self._parts += 1
        if line.strip(b"\r\n") or self._parts > MOST_PARTS:
            self.trouble = True
            return
        try:
            self._begin_part(read_header(header))
        except MalformedPart:
            self.trouble = True

    def _begin_part(self, header: PartHeader) -> None:
        if not header.kind.startswith("multipart/"):
            self._reader = self._reader_for(header)
            return
        boundary = header.parameter("boundary")
        if not boundary or len(self._boundaries) >= DEEPEST or len(self._seen) >= MOST_MULTIPARTS:
            raise MalformedPart
        self._set_boundaries([*self._boundaries, boundary.rstrip()])
        self._seen.append((self._boundaries[-1], self._at))

    def _end_part(self) -> None:
        if self._reader is not None:
            self._reader.end()
        self._reader = None
