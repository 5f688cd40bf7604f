"""A whole message that somebody hands over to be sent, read so that what leaves is what was judged.

It is taken as it is, but for fields that are not its author's to write, which are taken away, and line ends, which
become CRLF. What a mail program might read in another way than we do is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from routing.header_from import parse_author
from routing.header_refused import HeaderRefused
from routing.outgoing import DraftRefused, Party, message_id, split_parties

LONGEST_LINE = 998  # octets, RFC 5322 section 2.1.1
LONGEST_MESSAGE_ID = 320
MOST_FIELDS = 500

_END = re.compile(rb"\r\n|\r|\n")
_FIELD = re.compile(rb"([!-9;-~]+):(.*)", re.DOTALL)
# Ours to write, the mail server's, or for nobody's eyes.
_TAKEN_AWAY = frozenset({"bcc", "delivered-to", "return-path", "x-mailbox-line", "x-original-to"})
_OURS = "x-byname-"
_ONCE = frozenset(
    {"bcc", "cc", "date", "from", "in-reply-to", "message-id", "references", "reply-to", "sender", "subject", "to"}
)  # RFC 5322 section 3.6


@dataclass(frozen=True, slots=True)
class _Field:
    name: str  # in lower case
    lines: bytes  # with the name, folded, with its last line end
    value: bytes


@dataclass(frozen=True, slots=True)
class RawMail:
    """A message that can be sent."""

    sender: str  # the address of From
    to: tuple[Party, ...]  # and of Cc; empty when recipients were given beside the message
    bcc: tuple[Party, ...]
    message_id: str | None  # with its brackets; None: it has none yet
    has_date: bool
    content: bytes  # CRLF, without what was taken away

    def finished(self, message_id: str, date: str) -> bytes:
        """Return the message with a Message-ID and a date, where it had none."""
        head = b"" if self.has_date else f"Date: {date}\r\n".encode("ascii")
        if self.message_id is None:
            head += f"Message-ID: {message_id}\r\n".encode("ascii")
        return head + self.content


def read_raw(octets: bytes, recipients: tuple[Party, ...] = ()) -> RawMail:
    """Read a message as a file has it, or a program writes it.

    Args:
        recipients: who gets it, in place of those that To, Cc and Bcc name.

    Raises:
        DraftRefused: it cannot be sent; the place is that of a field, or ``message``.
    """
    head, body = _parts(octets)
    fields = list(_fields(head))
    _check_once(fields)
    found = {field.name: field.value for field in fields if field.name in _ONCE}
    kept = b"".join(field.lines for field in fields if not _is_taken_away(field.name))
    own_id = found.get("message-id")
    return RawMail(
        sender=_author(found),
        to=recipients or (*_listed(found, "to"), *_listed(found, "cc")),
        bcc=() if recipients else _listed(found, "bcc"),
        message_id=None if own_id is None else _message_id(own_id),
        has_date="date" in found,
        content=kept + b"\r\n" + body,
    )


def _parts(octets: bytes) -> tuple[bytes, bytes]:
    """Return header and body, both with CRLF; the header ends with the end of its last line."""
    if b"\0" in octets:
        raise DraftRefused("message", "must not hold the character NUL")
    lines = _END.split(octets)
    if max(map(len, lines)) > LONGEST_LINE:
        raise DraftRefused("message", f"must have no line of more than {LONGEST_LINE} octets (RFC 5322)")
    ends = lines.index(b"") if b"" in lines else len(lines)
    head, body = lines[:ends], lines[ends + 1 :]
    if not b"".join(head).isascii():
        raise DraftRefused("message", "must have a header in ASCII, other characters as encoded words (RFC 2047)")
    return b"".join(line + b"\r\n" for line in head), b"\r\n".join(body)


def _fields(head: bytes) -> Iterator[_Field]:
    """Yield the fields. Every line belongs to one: a line that does not would end the header for some readers."""
    groups: list[bytes] = []
    for number, line in enumerate(head.splitlines(keepends=True), 1):
        if groups and line[:1] in {b" ", b"\t"} and line.strip():
            groups[-1] += line
        elif _FIELD.fullmatch(line):
            groups.append(line)
        else:
            raise DraftRefused("message", f"line {number} is no header field; an empty line ends the header")
    if len(groups) > MOST_FIELDS:
        raise DraftRefused("message", f"must have at most {MOST_FIELDS} header fields")
    for lines in groups:
        name, _, value = lines.partition(b":")
        yield _Field(name.decode("ascii").lower(), lines, value.rstrip(b"\r\n"))


def _check_once(fields: list[_Field]) -> None:
    names = [field.name for field in fields]
    for name in names:
        if name in _ONCE and names.count(name) > 1:
            raise DraftRefused(name, "must stand once only (RFC 5322)")
        if name.startswith("resent-"):
            raise DraftRefused(name, "a message that is sent on (Resent-...) cannot be sent so")


def _is_taken_away(name: str) -> bool:
    return name in _TAKEN_AWAY or name.startswith(_OURS)


def _author(found: dict[str, bytes]) -> str:
    if "from" not in found:
        raise DraftRefused("from", "the message must say who writes it, in a field From")
    try:
        return str(parse_author(found["from"]).address)
    except HeaderRefused as error:
        raise DraftRefused("from", f"does not name one author as every mail program reads it: {error}") from error


def _listed(found: dict[str, bytes], name: str) -> tuple[Party, ...]:
    return split_parties(name, found.get(name, b"").replace(b"\r\n", b"").decode("ascii"))


def _message_id(value: bytes) -> str:
    text = b"".join(value.split()).decode("ascii")
    known = message_id("message-id", text)
    if known != text or len(text) > LONGEST_MESSAGE_ID:
        raise DraftRefused("message-id", f"must be one in its < and >, of at most {LONGEST_MESSAGE_ID} characters")
    return known
