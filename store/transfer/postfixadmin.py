"""PostfixAdmin's tables: ``alias`` (address, goto, active), ``alias_domain`` and ``domain``, from a dump or a database.

A line of the report is a row, counted from 1 over these tables in the order in which they come.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

from store.transfer.foreign import InvalidFlag, flag, line_of, targets_of
from store.transfer.lines import MOST_OCTETS, DomainLine, Line, malformed
from store.transfer.sql_dump import tables

ALIASES, ALIAS_DOMAINS, DOMAINS = "alias", "alias_domain", "domain"
_NAME = re.compile(r"(?:\w*?_)??(alias_domain|alias|domain)")  # a prefix is a setting of PostfixAdmin
_EVERY = "ALL"  # the domain that stands for all of them


def table_of(name: str) -> str | None:
    """Return which of the tables a name means, None for another; a prefix is a setting of PostfixAdmin."""
    found = _NAME.fullmatch(name.lower())
    return found[1] if found else None


def read_dump(source: IO[bytes]) -> Iterator[Line]:
    """Return what each row of a dump says."""
    octets = source.read(MOST_OCTETS + 1)
    if len(octets) > MOST_OCTETS:
        yield malformed(1, "file-too-large")
        return
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        yield malformed(1, "invalid-encoding")
        return
    lines = read_rows(tables(text, table_of))
    yield next(lines, malformed(1, "invalid-file", "there is no row of the tables alias, alias_domain or domain in it"))
    yield from lines


def read_rows(rows: Iterable[tuple[str, Mapping[str, object]]]) -> Iterator[Line]:
    """Return what rows say, each given with the name of its table."""
    told = ((table, row) for table, row in rows if table != DOMAINS or row.get("domain") != _EVERY)
    for number, (table, row) in enumerate(told, 1):
        yield _line(number, table, row)


def _line(number: int, table: str, row: Mapping[str, object]) -> Line:
    if table == DOMAINS and row.get("domain"):
        return DomainLine(number, str(row["domain"]))
    if table == ALIAS_DOMAINS and row.get("alias_domain"):
        told = f"all names of {row['alias_domain']} are those of {row.get('target_domain')}: make each by itself"
        return malformed(number, "alias-domain", told, f"@{row['alias_domain']}")
    address, goto = row.get("address"), row.get("goto")
    if table != ALIASES or not address or goto is None:
        return malformed(number, "invalid-file", f"a row of {table} without its columns")
    try:
        given = {"is_active": flag(row.get("active", 1))}
    except InvalidFlag:
        return malformed(number, "invalid-value", "active must be 0 or 1", str(address))
    return line_of(number, str(address).strip(), targets_of(str(goto)), given)
