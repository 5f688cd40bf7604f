"""Aliases as comma-separated values: the columns ``address,mailbox,can_receive,can_send,is_active,note``.

The first line names the columns, in any order; ``address`` and ``mailbox`` must be there, the others may be missing.
An empty cell of a flag says nothing; an empty note is no note. A record is one line: notes hold no line breaks, and so
a quotation mark that does not close spoils its own line only.

Spreadsheets take a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula. Only a note can do harm so (an
address cannot hold what a formula needs), and it is written with an apostrophe in front, as spreadsheets do, which is
taken off again on the way in.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from store.transfer.csv_head import COLUMNS, UnusableHead, columns_of
from store.transfer.lines import LONGEST_LINE, AliasLine, Line, Malformed, malformed, text_lines

__all__ = ["COLUMNS", "check_head", "escaped", "read_csv", "unescaped", "write_csv"]

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_FORMULA = re.compile(r"'*[=+\-@]")
_ESCAPED = re.compile(r"'+[=+\-@]")


class _BadLine(Exception):
    """A line that cannot be read: its code and the words for it."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def read_csv(source: IO[bytes]) -> Iterator[Line]:
    """Return what each line says. Empty lines are passed over. Without a good first line nothing after it is read."""
    try:
        columns = _columns(source)
    except UnusableHead as error:
        yield malformed(1, error.code, error.message)
        return
    for line in text_lines(source, first=2):
        if isinstance(line, Malformed):
            yield line
        elif line[1]:
            yield _line(columns, *line)


def check_head(source: IO[bytes]) -> None:
    """Look at the first line of a file that can be read again from its start, and go back there.

    Raises:
        UnusableHead: it does not name the columns, so no line can be understood.
    """
    try:
        _columns(source)
    finally:
        source.seek(0)


def write_csv(rows: Iterable[Sequence[str | bool | None]]) -> Iterator[str]:
    """Return the text of a file with these rows, in the order of :data:`COLUMNS`, in pieces of a line each."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    yield _taken(buffer)
    for row in rows:
        writer.writerow(_cells(row))
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _cells(row: Sequence[str | bool | None]) -> list[str]:
    *cells, note = row
    text = [str(cell).lower() if isinstance(cell, bool) else cell or "" for cell in cells]
    return [*(str(cell) for cell in text), escaped(str(note or ""))]


def escaped(note: str) -> str:
    """Return a note that no spreadsheet takes for a formula."""
    return f"'{note}" if _FORMULA.match(note) else note


def unescaped(note: str) -> str:
    """Return the note that :func:`escaped` was given."""
    return note[1:] if _ESCAPED.match(note) else note


def _columns(source: IO[bytes]) -> list[str]:
    return columns_of(source.readline(LONGEST_LINE + 3))  # with CR LF, and one octet too many


def _line(columns: list[str], number: int, text: str) -> Line:
    try:
        cells = _split(text)
        if len(cells) != len(columns):
            told = f"{len(cells)} cells where the first line has {len(columns)}"
            raise _BadLine("wrong-number-of-columns", told)  # noqa: TRY301 - one place makes the answer
        named = dict(zip(columns, cells, strict=True))
        address, mailbox = named.pop("address"), named.pop("mailbox")
        return AliasLine(number, address, mailbox, dict(_given(named)))
    except _BadLine as error:
        return malformed(number, error.code, error.message)


def _given(cells: dict[str, str]) -> Iterator[tuple[str, bool | str | None]]:
    for name, cell in cells.items():
        if name == "note":
            yield name, unescaped(cell) or None
        elif cell:
            yield name, _boolean(name, cell)


def _boolean(name: str, cell: str) -> bool:
    value = _BOOLEANS.get(cell.lower())
    if value is None:
        raise _BadLine("invalid-value", f"the column {name} must be true or false")
    return value


def _split(text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        raise _BadLine("invalid-quoting") from None
