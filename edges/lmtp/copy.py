"""One copy of a message: what stands on top of it, what is left out, and its envelope towards the mail store."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from edges.lmtp.backend import Extensions, StoreFailed
from edges.lmtp.command import Path
from edges.lmtp.header import Header, HeaderTooLarge, Range, read_header
from edges.lmtp.spool import Spool
from routing.bounce import Report
from routing.delivery import Copy
from routing.trace import Findings, delivered_to_fields
from routing.writers import Writers

_NEEDS = {"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN"}


@dataclass(frozen=True, slots=True)
class Message:
    """A spooled message with what is known about its header."""

    spool: Spool
    header: Header
    findings: Findings
    removed: tuple[Range, ...]
    writers: Writers | None = None  # None: no recipient asks who wrote it

    @classmethod
    def of(cls, spool: Spool, header: Header, key: bytes | None, writers: Writers | None = None) -> "Message":
        """Judge the header: ``key`` vouches for fields of ours."""
        findings = header.trace_fields.judge(key, time.time())
        return cls(spool, header, findings, tuple(header.removed(findings)), writers)

    def chunks(self) -> Iterator[bytes]:
        """Yield what every copy has in common.

        Raises:
            OSError: the spool cannot be read.
        """
        at = 0
        for start, end in self.removed:
            yield from self.spool.read(at, start)
            at = end
        if self.header.lacks_empty_line:
            yield from self.spool.read(at, self.header.end)
            yield b"\r\n"
            at = self.header.end
        yield from self.spool.read(at, self.spool.size)

    @property
    def size(self) -> int:
        """The octets that every copy has in common, as SIZE counts them."""
        left_out = sum(end - start for start, end in self.removed)
        return self.spool.message_size - left_out + (2 if self.header.lacks_empty_line else 0)


def understood(spool: Spool, key: bytes | None, writers: Writers | None = None) -> Message | str:
    """Return the message in ``spool``, or the slug of the reply that says why it cannot be handed on.

    ``writers`` is shown the header, and the body when it has a use for it.
    """
    if spool.trouble is not None:
        return spool.trouble
    try:
        header = read_header(spool, watcher=writers.add if writers else None)
        if writers is not None and writers.report is not None:
            _read_report(spool, header.end, writers.report)
        return Message.of(spool, header, key, writers)
    except HeaderTooLarge:
        return "header-too-large"
    except OSError:
        return "spool-failed"


def _read_report(spool: Spool, at: int, report: Report) -> None:
    """Show the body from its empty line on, dots stuffed: no delimiter and no field begins with one."""
    for octets in spool.read(at, spool.size):
        if report.is_over:
            return
        report.body(octets)


class CopyTransaction:
    """A copy as :class:`edges.lmtp.backend.Backend` takes it."""

    def __init__(self, message: Message, sender: Path, copy: Copy, key: bytes | None, *, utf8_promised: bool) -> None:
        """``utf8_promised``: the MTA was told that the store offers SMTPUTF8, and may have relied on it."""
        self._message = message
        self._sender = sender
        self._copy = copy
        self._utf8_promised = utf8_promised
        self._top = _top(message, copy, key)

    def mail(self, offered: Extensions) -> bytes:
        """Return MAIL with those parameters that the store offers.

        Raises:
            StoreFailed: it offered SMTPUTF8 when the MTA asked, and does not any more.
        """
        given = self._sender.parameters
        if "SMTPUTF8" in given and self._utf8_promised and "SMTPUTF8" not in offered:
            raise StoreFailed("the store offers SMTPUTF8 no more")
        parameters = [f"MAIL FROM:{self._sender.raw}"]
        if "SIZE" in offered:
            parameters.append(f"SIZE={len(self._top) + self._message.size}")
        parameters += [
            _assignment(name, value) for name, value in given.items() if name != "SIZE" and _NEEDS[name] in offered
        ]
        return " ".join(parameters).encode("utf-8", "surrogateescape")

    def rcpt(self, offered: Extensions) -> bytes:
        """Return RCPT, with the wishes about delivery status for a store that knows them."""
        parameters = [f"RCPT TO:<{self._copy.target}>"]
        if "DSN" in offered:
            parameters.append(self._copy.parameters)
        return " ".join(parameters).strip().encode("utf-8", "surrogateescape")

    def content(self) -> Iterator[bytes]:
        """Yield our fields, and the message under them.

        Raises:
            OSError: the spool cannot be read.
        """
        if self._top:
            yield self._top
        yield from self._message.chunks()


def _top(message: Message, copy: Copy, key: bytes | None) -> bytes:
    """Return the fields on top: with a key the trace, then a Delivered-To for each name (docs/design.md, section 5)."""
    fields = delivered_to_fields(key, message.header.trace_fields.message_id, copy.delivered_to, time.time())
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("utf-8", "surrogateescape")


def _assignment(name: str, value: str) -> str:
    return f"{name}={value}" if value else name
