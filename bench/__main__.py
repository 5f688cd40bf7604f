"""``make bench``: what a decision costs beside the bare look-up it rests on.

The baseline is one primary-key look-up in the same SQLite file by Python's own driver: what a site would pay that
asked SQL from a script of its own.
"""

import argparse
import json
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.timing import Cost, cost
from routing.address import Address, parse_path
from routing.guard import HeaderField, check_header
from routing.header_from import parse_author
from routing.header_refused import HeaderRefused
from routing.policy import Policy
from routing.recipient import resolve
from routing.sender import authorise
from store.services import accounts, aliases, domains, mailboxes
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.migrate import upgrade

_FROM = b' "Doe, John (Sales)" <sales7@bench.test>'
_HOSTILE_LINE = 900  # octets; a longer line is refused at once


def _hostile(unit: bytes, *, quoted: bool = False) -> bytes:
    """Return a From of 4 kB full of ``unit``, in lines of a length that passes."""
    line = unit * (_HOSTILE_LINE // len(unit))
    text = b"\r\n ".join([*[line] * 4, unit * (400 // len(unit))])
    return (b' "%s" <sales7@bench.test>' if quoted else b" %s <sales7@bench.test>") % text


# What costs the parser most, found by trying (docs/sender-guard.md); some is refused before its end.
_HOSTILE = {
    "atoms": _hostile(b"a "),
    "comments": _hostile(b"(a)"),
    "quotes": _hostile(b'""'),
    "@": _hostile(b"a@b.c ", quoted=True),
    "encoded words": b" " + b"(=?us-ascii?q?a?=)" * 50 + b"\r\n (@)" + b"()" * 400 + b"\r\n " + b"()" * 400 + _FROM,
    "compatibility forms": _hostile("\ufdfa".encode() * 3 + b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", quoted=True),
    "combining marks": b' "a@' + "\u0316\u0301".encode() * 220 + b'\r\n "' + _FROM,
}


def main() -> None:
    """Measure, print a table or JSON."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row (default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), options.seconds)
    print_json(rows) if options.json else print_table(rows)


def measure(folder: Path, seconds: float) -> list[Cost]:
    """Return the cost of each row, the baseline first."""
    file = folder / "bench.db"
    database = _filled(f"sqlite:///{file}")
    try:
        with sqlite3.connect(file) as bare:
            calls = _calls(bare, SqlDirectory(database))
            return [cost(name, call, seconds=seconds) for name, call in calls.items()]
    finally:
        database.close()


def _calls(bare: sqlite3.Connection, directory: SqlDirectory) -> dict[str, Callable[[], object]]:
    policy, login = Policy(), "john@bench.test"
    alias = Address("sales7", "bench.test")
    fields = [HeaderField("From", _FROM)]
    return {
        "bare primary-key look-up": lambda: bare.execute("SELECT * FROM addresses WHERE id = 7").fetchone(),
        "recipient: path to verdict": lambda: resolve(directory, policy, parse_path("<Sales7@bench.test>")),
        "recipient: unknown name": lambda: resolve(directory, policy, parse_path("<nobody@bench.test>")),
        "sender: envelope": lambda: authorise(directory, policy, login, [alias]),
        "sender: header": lambda: check_header(directory, policy, login, fields),
        "From parser: usual": lambda: parse_author(_FROM),
        **{f"From parser: hostile, {name}": partial(_parsed, value) for name, value in _HOSTILE.items()},
    }


def _parsed(value: bytes) -> object:
    """Parse, whatever comes of it."""
    try:
        return parse_author(value)
    except HeaderRefused as refused:
        return refused


def _filled(url: str) -> Database:
    upgrade(url)
    database = Database.open(url)
    with database.write() as tx:
        accounts.create(tx, "bench", "agency")
        domains.add(tx, "bench.test", account="bench", verified=True)
        mailboxes.add(tx, "john@bench.test", "bench password")
        for number in range(100):
            aliases.add(tx, f"sales{number}@bench.test", "john@bench.test", can_send=True)
    return database


def print_table(rows: list[Cost]) -> None:
    """Print costs for people."""
    table = Table("what", "us each", "spread", "x baseline")
    for row in rows:
        ratio = row.microseconds / rows[0].microseconds
        table.add_row(row.name, f"{row.microseconds:.1f}", f"{row.spread:.0%}", f"{ratio:.1f}")
    Console().print(table)


def print_json(rows: list[Cost]) -> None:
    """Print costs for scripts."""
    print(json.dumps([asdict(row) for row in rows], indent=2))


if __name__ == "__main__":
    main()
