"""Header and body of a raw message, as Postfix hands them to a milter (measured with 3.7.11)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from routing.guard import HeaderField

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_LINE = re.compile(rb"\r\n|\n")
_STRAY_CR = re.compile(rb"\r(?!\n)")
_MAILBOX_LINE = (b"From ", b">From ")  # begins a message in a file of messages; Postfix makes X-Mailbox-Line of it


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as a milter is handed it."""

    fields: Sequence[HeaderField]
    body: bytes


def read_message(raw: bytes) -> RawMessage:
    """Return a message from the octets of a file."""
    return RawMessage(header_fields(raw), body_of(raw))


def header_fields(raw: bytes) -> list[HeaderField]:
    """Return the fields in order, values raw and folded with their leading space.

    The header ends at the first empty line or at the first line that is no field: for Postfix the rest is body
    (docs/facts.md, "Milter and Postfix"). A NUL ends its field, a bare CR is a space, blanks before the colon are
    dropped.
    """
    fields: list[HeaderField] = []
    for number, line in enumerate(_LINE.split(_STRAY_CR.sub(b" ", raw))):
        if fields and line[:1] in {b" ", b"\t"}:
            last = fields.pop()
            fields.append(HeaderField(last.name, last.value + b"\n" + line))
        elif number == 0 and line.startswith(_MAILBOX_LINE):
            fields.append(HeaderField("X-Mailbox-Line", b" " + line))
        elif found := _FIELD.fullmatch(line):
            fields.append(HeaderField(found[1].decode("ascii"), found[2]))
        else:
            break
    return [HeaderField(field.name, field.value.partition(b"\0")[0]) for field in fields]


def body_of(raw: bytes) -> bytes:
    """Return what follows the header: behind the first empty line, or from the first line on that is no field."""
    at = 0
    while at < len(raw):
        end = raw.find(b"\n", at) + 1 or len(raw)
        line = _STRAY_CR.sub(b" ", raw[at:end].removesuffix(b"\n").removesuffix(b"\r"))
        if not line:
            return raw[end:]
        goes_on = line.startswith(_MAILBOX_LINE) if at == 0 else line[:1] in {b" ", b"\t"}
        if not goes_on and not _FIELD.fullmatch(line):
            return raw[at:]
        at = end
    return b""
