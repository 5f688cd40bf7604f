"""The first line of a CSV file, which names its columns: read, or refused with what is wrong with it.

Without a good first line no other can be understood, so the reasons are named one by one: programs that write CSV
differ most here (UTF-16, semicolons, bare CR).
"""

import csv
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterator, Sequence

from store.transfer.lines import LONGEST_LINE

_SWITCHES = ("can_receive", "can_send", "is_active")
_ENDS = ("expires_at", "expires_after", "expires_when_idle")
COLUMNS = ("address", "mailbox", *_SWITCHES, "note", *_ENDS, "senders")
NEEDED = ("address", "mailbox")
_SHOWN = 40  # characters of a name in a message
_RULE = f"the first line must name the columns, separated by commas: {','.join(COLUMNS)}"


class UnusableHead(Exception):
    """A first line that names no columns: its code, of store.transfer.lines.LINE_CODES, and the words for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def columns_of(raw: bytes) -> list[str]:
    """Return the names of the columns, as the first line has them.

    Args:
        raw: the line with its end; of a longer one its first octets, at least one more than LONGEST_LINE.

    Raises:
        UnusableHead: ``invalid-header``, and what makes it unreadable, as of any line.
    """
    line = raw.removesuffix(b"\n").removesuffix(b"\r")
    _check_octets(line)
    try:
        text = line.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise UnusableHead("invalid-encoding", "the first line is not UTF-8") from None
    try:
        columns = [cell.strip() for cell in next(csv.reader([text], strict=True), [])]
    except csv.Error:
        raise UnusableHead("invalid-quoting", "the first line has a quotation mark that does not close") from None
    for flaw in _flaws(columns):
        raise UnusableHead("invalid-header", f"{flaw}; {_RULE}")
    return columns


def _check_octets(line: bytes) -> None:
    if line.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise UnusableHead("invalid-encoding", "the file is in UTF-16; save it as UTF-8")
    if b"\0" in line:
        raise UnusableHead("control-character", "the first line holds NUL characters, as in UTF-16; save it as UTF-8")
    if b"\r" in line:
        raise UnusableHead("invalid-header", "lines end with a bare CR; save the file with LF or CR LF")
    if len(line) > LONGEST_LINE:
        raise UnusableHead("line-too-long", f"the first line has more than {LONGEST_LINE} octets")


def _flaws(columns: Sequence[str]) -> Iterator[str]:
    """Return what is wrong with the names, the most telling first."""
    if not any(columns):
        yield "there is no first line, or it is empty"
    if len(columns) == 1 and ";" in columns[0]:
        yield "the columns are separated by semicolons"
    yield from (f"there is no column {_shown(name)}" for name in columns if name not in COLUMNS)
    yield from (f"the column {name} stands twice" for name, count in Counter(columns).items() if count > 1)
    yield from (f"the column {name} is missing" for name in NEEDED if name not in columns)


def _shown(name: str) -> str:
    return "".join(char for char in name if char.isprintable())[:_SHOWN] or '""'
