"""The message while it comes in: where its end is, and where it waits.

It is kept as it came over the wire, dots stuffed (RFC 5321 section 4.5.2), so that nothing is undone and done again.
The end is CRLF.CRLF and nothing else. A line with a lone dot and a bare LF beside it is passed by one server and taken
for the end by another ("SMTP smuggling"), so such a message is refused rather than handed on.
"""

import tempfile
from collections.abc import Iterator

IN_MEMORY = 256 * 1024  # octets; a longer message goes to an unlinked temporary file
_CHUNK = 65_536
_END = b"\r\n.\r\n"
_OVERLAP = len(_END) - 1
_BEFORE = b"\r\n"  # the data begin at the start of a line


class EndOfData:
    """Finds the end of the data, however the stream was cut on its way. Holds back at most four octets."""

    def __init__(self) -> None:
        self.is_ambiguous = False  # a lone dot beside a bare LF was seen
        self.stuffed = 0  # dots at the start of a line, which are no part of the message
        self._held = _BEFORE
        self._skip = len(_BEFORE)

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Return what of the stream so far is known to be content, and what came after the end, None before it."""
        window = self._held + data
        end = window.find(_END)
        content = max(len(window) - _OVERLAP, 0) if end < 0 else end + len(_BEFORE)
        seen = len(window) if end < 0 else content
        self.is_ambiguous |= window.find(b"\n.\n", 0, seen) >= 0 or window.find(b"\n.\r\n", 0, seen) >= 0
        self.stuffed += window.count(b"\r\n.", 0, content + (len(_BEFORE) if end < 0 else 0))
        self._held = window[content:]
        skipped, self._skip = self._skip, max(self._skip - content, 0)
        return window[min(skipped, content) : content], None if end < 0 else window[end + len(_END) :]


class Spool:
    """One message as it came, without the line that ended it. A context manager; leaving it forgets the message.

    A full disk is noted, not raised: the data must be read to their end before anything can be answered.
    """

    def __init__(self, limit: int = 0) -> None:
        """Keep messages of up to ``limit`` octets; 0 for no limit."""
        self.size = 0  # on the wire
        self.trouble: str | None = None  # why the message cannot be handed on, as in routing.replies
        self._limit = limit
        self._end = EndOfData()
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by close()

    @property
    def message_size(self) -> int:
        """The octets of the message itself, as SIZE counts them (RFC 1870)."""
        return self.size - self._end.stuffed

    def feed(self, data: bytes) -> bytes | None:
        """Take from the stream; return what came after the end of the message, None while it goes on."""
        content, rest = self._end.feed(data)
        self.size += len(content)
        if self._limit and self.message_size > self._limit:
            self.trouble = "message-too-large"
        if self._end.is_ambiguous:
            self.trouble = "ambiguous-end"
        if self.trouble is None:
            self._write(content, is_last=rest is not None)
        return rest

    def _write(self, content: bytes, *, is_last: bool) -> None:
        try:
            self._file.write(content)
            if is_last:
                self._file.flush()
        except OSError:
            self.trouble = "spool-failed"

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the octets from ``start`` to ``end``.

        Raises:
            OSError: the temporary file cannot be read.
        """
        self._file.seek(start)
        while start < end:
            chunk = self._file.read(min(_CHUNK, end - start))
            if not chunk:
                raise OSError("the temporary file is shorter than what was written to it")
            start += len(chunk)
            yield chunk

    def lines(self, most: int) -> Iterator[bytes]:
        """Yield lines, each with its LF, from the start; a line of more than ``most`` octets comes in pieces."""
        self._file.seek(0)
        while line := self._file.readline(most):
            yield line

    def close(self) -> None:
        """Forget the message."""
        self._file.close()
