"""What a file of aliases says, line by line, and how its bytes become lines of text.

Nothing here raises for what a file holds: a line that cannot be read is a :class:`Malformed` of its own, and the next
line is read as if nothing had been. Memory is bounded by one line, whatever the file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO

MOST_LINES = 250_000  # of one import over HTTP
MOST_OCTETS = 64_000_000  # of a file that is taken in whole
LONGEST_LINE = 24_576  # octets; address, mailbox, a note of 500 characters and 16,000 octets of senders need less

# code of a line that cannot be read: what is wrong with it. What a line asks for may be refused with the codes of
# store.errors.CODES beside these.
LINE_CODES = {
    "invalid-header": "the first line does not name the columns",
    "invalid-encoding": "not UTF-8",
    "control-character": "a NUL character",
    "line-too-long": f"more than {LONGEST_LINE} octets",
    "invalid-quoting": "a quotation mark that does not close on its line, or text after one that does",
    "wrong-number-of-columns": "more or fewer cells than the first line has",
    "invalid-value": "a cell that is neither true nor false, or no moment, or no number",
    "no-target": "a name that leads nowhere",
    "several-targets": "a name that leads to more than one address",
    "not-an-address": "a name without an @",
    "too-many-lines": "what comes after it was not read",
    "line-continues-nothing": "a line that begins with a blank where there is nothing to continue",
    "invalid-file": "not what was said that it is",
    "file-too-large": f"a file of more than {MOST_OCTETS // 1_000_000} MB",
    "alias-domain": "a domain whose names are all those of another domain",
    "catch-all-off": "a catch-all that is switched off there: nothing is switched on here",
    "mail-discarded": "a name whose mail is thrown away, or taught to a filter",
    "internal-only": "a name that takes mail from its own server only",
    "vacation": "an out-of-office answer, which is a filter's work",
    "deleted-there": "a name that was deleted there",
    "no-mailbox-named": "the file does not say whose alias it is: name the mailbox with --to",
}


@dataclass(frozen=True, slots=True)
class AliasLine:
    """An alias as the file wants it. ``given``: the fields that the file says something about; others stay as they are.

    ``given`` holds ``can_receive``, ``can_send`` and ``is_active`` as bool, ``note`` as text or None, and until when it
    lives: ``expires_at``, ``expires_after`` (mails), ``expires_when_idle`` (days), None where nothing ends it;
    ``senders`` as a line (store.services.sender_lists).
    """

    number: int
    address: str
    mailbox: str
    given: dict[str, bool | str | int | datetime | None]


@dataclass(frozen=True, slots=True)
class CatchAllLine:
    """A domain whose unknown names are to go to a mailbox."""

    number: int
    domain: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class DomainLine:
    """A domain that the file takes to be hosted here."""

    number: int
    domain: str


@dataclass(frozen=True, slots=True)
class MailboxLine:
    """A mailbox that the file takes to be here."""

    number: int
    address: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that cannot be read, or that says what cannot be held here; ``code`` is a key of :data:`LINE_CODES`."""

    number: int
    code: str
    message: str
    address: str | None = None  # where the line could be read


Line = AliasLine | CatchAllLine | DomainLine | MailboxLine | Malformed


def malformed(number: int, code: str, message: str | None = None, address: str | None = None) -> Malformed:
    """Return the error of a line, in the table's words or in better ones."""
    return Malformed(number, code, message or LINE_CODES[code], address)


def at_most(lines: Iterable[Line], most: int) -> Iterator[Line]:
    """Return the first ``most`` of what lines say, and an error in place of all the others."""
    for count, line in enumerate(lines):
        if count == most:
            yield malformed(line.number, "too-many-lines", f"at most {most} lines at once; nothing after it was read")
            return
        yield line


def text_lines(source: IO[bytes], first: int = 1) -> Iterator[tuple[int, str] | Malformed]:
    """Return each line's number and its text without the line's end; a byte order mark is left out.

    Args:
        first: the number of the line that is read next.
    """
    for number, raw in enumerate(_pieces(source), first):
        if raw is None:
            yield malformed(number, "line-too-long")
            continue
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            yield malformed(number, "invalid-encoding")
            continue
        yield malformed(number, "control-character") if "\0" in text else (number, text)


def _pieces(source: IO[bytes]) -> Iterator[bytes | None]:
    """Return each line without its end, None in place of one that is too long."""
    most = LONGEST_LINE + 2  # with CR LF
    while piece := source.readline(most):
        if len(piece) == most and not piece.endswith(b"\n"):
            _skip_line(source)
            yield None
            continue
        line = piece.removesuffix(b"\n").removesuffix(b"\r")
        yield line if len(line) <= LONGEST_LINE else None


def _skip_line(source: IO[bytes]) -> None:
    while (piece := source.readline(LONGEST_LINE)) and not piece.endswith(b"\n"):
        pass
