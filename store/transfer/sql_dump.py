"""Rows of tables in a dump of MySQL or MariaDB (mysqldump, phpMyAdmin) or of PostgreSQL (pg_dump, also --inserts).

Understood are CREATE TABLE for the order of columns, INSERT with and without a list of them, and COPY ... FROM stdin.
Nothing is executed, and what is not understood is passed over. The whole text is held in memory.
"""

import re
from collections.abc import Callable, Iterator

Row = dict[str, str | None]

_IDENTIFIER = r'(?:[`"]?\w+[`"]?\.)?[`"]?(\w+)[`"]?'
_CREATE = re.compile(rf"\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_IDENTIFIER}\s*\((.*)\)[^)]*", re.I | re.S)
_INSERT = re.compile(
    rf"\s*(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO\s+{_IDENTIFIER}\s*(\([^)]*\))?\s*VALUES\s*", re.I | re.S
)
_COPY = re.compile(rf"\s*COPY\s+{_IDENTIFIER}\s*(\([^)]*\))?\s+FROM\s+stdin", re.I | re.S)
_COLUMN = re.compile(r'\s*[`"]?(\w+)[`"]?\s')
_NO_COLUMN = frozenset({"primary", "key", "unique", "constraint", "index", "fulltext", "check", "foreign", "spatial"})
_COPIED = re.compile(r"\\(.)", re.S)
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "f": "\f", "v": "\v"}

_COMMENT = r"--[^\n]*|\#[^\n]*|/\*.*?\*/"
_NAME = r'`[^`]*`|"[^"]*"'
_MYSQL_STRING, _PLAIN_STRING = r"'(?:[^'\\]|\\.|'')*'", r"'(?:[^']|'')*'"


def tables(text: str, wanted: Callable[[str], str | None]) -> Iterator[tuple[str, Row]]:
    """Return the rows of some tables in the order of the dump; a value is text, or None for NULL.

    Args:
        wanted: returns by which name the rows of a table are to be given, None to pass them over.
    """
    columns: dict[str, list[str]] = {}
    escapes = "PostgreSQL database dump" not in text[:2000]
    string = re.compile(_MYSQL_STRING if escapes else _PLAIN_STRING, re.S)
    position = 0
    while position < len(text):
        end = _end_of_statement(text, position, string)
        statement = _bare(text[position:end])
        position = end + 1
        if copied := _COPY.match(statement):
            block_end = text.find("\n\\.", position)
            block_end = len(text) if block_end < 0 else block_end
            if name := wanted(copied[1]):
                names = _list(copied[2]) or columns.get(copied[1], [])
                yield from ((name, row) for row in _copied(text[position:block_end], names))
            position = block_end + 3
        elif created := _CREATE.match(statement):
            columns[created[1]] = _columns(created[2])
        elif (inserted := _INSERT.match(statement)) and (name := wanted(inserted[1])):
            names = _list(inserted[2]) or columns.get(inserted[1], [])
            rows = _values(statement[inserted.end() :], string, escapes=escapes)
            yield from ((name, dict(zip(names, row, strict=False))) for row in rows if len(row) == len(names))


def _end_of_statement(text: str, start: int, string: re.Pattern[str]) -> int:
    """Return where the next semicolon outside of strings, names and comments stands."""
    passed = re.compile(rf"{string.pattern}|{_NAME}|{_COMMENT}|;", re.S)
    for found in passed.finditer(text, start):
        if found[0] == ";":
            return found.start()
    return len(text)


def _bare(statement: str) -> str:
    """Return a statement without the comments before it."""
    return re.sub(rf"\A(?:\s|{_COMMENT})+", "", statement, flags=re.S)


def _columns(body: str) -> list[str]:
    found = [match[1].lower() for part in _parts(body) if (match := _COLUMN.match(part + " "))]
    return [name for name in found if name not in _NO_COLUMN]


def _parts(body: str) -> Iterator[str]:
    """Return what stands between commas outside of parentheses and strings."""
    depth, start = 0, 0
    for found in re.finditer(rf"{_MYSQL_STRING}|[(),]", body, re.S):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if found[0] == "," and depth == 0:
            yield body[start : found.start()]
            start = found.end()
    yield body[start:]


def _list(text: str | None) -> list[str]:
    return [] if text is None else [name.strip(' \n`"').lower() for name in text.strip("()").split(",")]


def _values(text: str, string: re.Pattern[str], *, escapes: bool) -> Iterator[list[str | None]]:
    row: list[str | None] = []
    for found in re.finditer(
        rf"(?P<string>{string.pattern})|(?P<open>\()|(?P<close>\))|(?P<word>[^\s,()']+)", text, re.S
    ):
        if found["open"]:
            row = []
        elif found["close"]:
            yield row
        elif found["string"]:
            row.append(_unquoted(found["string"][1:-1], escapes=escapes))
        elif not found["word"].startswith("_"):  # of MySQL: which encoding the text after it has
            row.append(None if found["word"].upper() == "NULL" else found["word"])


def _unquoted(text: str, *, escapes: bool) -> str:
    plain = text.replace("''", "'")
    return _COPIED.sub(lambda found: _ESCAPES.get(found[1], found[1]), plain) if escapes else plain


def _copied(block: str, names: list[str]) -> Iterator[Row]:
    for line in block.lstrip("\n").split("\n"):
        cells = line.split("\t")
        if line and len(cells) == len(names):
            yield dict(zip(names, (_copied_cell(cell) for cell in cells), strict=True))


def _copied_cell(cell: str) -> str | None:
    return None if cell == r"\N" else _COPIED.sub(lambda found: _ESCAPES.get(found[1], found[1]), cell)
