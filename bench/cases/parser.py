"""The parser bench: what a decision costs beside the bare look-up it rests on.

The baseline is one primary-key look-up in the same SQLite file by Python's own driver: what a site would pay that
asked SQL from a script of its own.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bench.load.timing import Cost, cost
from bench.report.figures import Figure, Scale
from routing.address import Address, parse_path
from routing.guard import HeaderField, check_header
from routing.header_from import parse_author
from routing.header_refused import HeaderRefused
from routing.policy import Policy
from routing.recipient import resolve
from routing.sender import authorise
from store.migrations.migrate import upgrade
from store.services import accounts, aliases, domains, mailboxes
from store.sql.database import Database
from store.sql.directory import SqlDirectory

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
    "at_signs": _hostile(b"a@b.c ", quoted=True),
    "encoded_words": b" " + b"(=?us-ascii?q?a?=)" * 50 + b"\r\n (@)" + b"()" * 400 + b"\r\n " + b"()" * 400 + _FROM,
    "compatibility_forms": _hostile("\ufdfa".encode() * 3 + b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", quoted=True),
    "combining_marks": b' "a@' + "\u0316\u0301".encode() * 220 + b'\r\n "' + _FROM,
}


def measure(scale: Scale) -> list[Figure]:
    """Return the cost of each row in microseconds and beside the first, which is the baseline."""
    with tempfile.TemporaryDirectory() as folder:
        costs = _costs(Path(folder), 0.05 if scale.short else 2.0)
    return [figure for name, found in costs.items() for figure in _figures(name, found, costs["lookup"])]


def _figures(name: str, found: Cost, baseline: Cost) -> list[Figure]:
    ratio = found.microseconds / baseline.microseconds
    spread = f"{found.spread:.0%}"
    return [
        Figure(f"parser.{name}_us", found.microseconds, "us", spread=spread),
        Figure(f"parser.{name}_over_lookup", ratio, "x"),
    ]


def _costs(folder: Path, seconds: float) -> dict[str, Cost]:
    file = folder / "bench.db"
    database = _filled(f"sqlite:///{file}")
    try:
        with sqlite3.connect(file) as bare:
            calls = _calls(bare, SqlDirectory(database))
            return {name: cost(name, call, seconds=seconds) for name, call in calls.items()}
    finally:
        database.close()


def _calls(bare: sqlite3.Connection, directory: SqlDirectory) -> Mapping[str, Callable[[], object]]:
    policy, login = Policy(), "john@bench.test"
    alias = Address("sales7", "bench.test")
    fields = [HeaderField("From", _FROM)]
    return {
        "lookup": lambda: bare.execute("SELECT * FROM addresses WHERE id = 7").fetchone(),
        "recipient_known": lambda: resolve(directory, policy, parse_path("<Sales7@bench.test>"), time.time()),
        "recipient_unknown": lambda: resolve(directory, policy, parse_path("<nobody@bench.test>"), time.time()),
        "sender_envelope": lambda: authorise(directory, policy, login, [alias], time.time()),
        "sender_header": lambda: check_header(directory, policy, login, fields, time.time()),
        "from_usual": lambda: parse_author(_FROM),
        **{f"from_hostile_{name}": partial(_parsed, value) for name, value in _HOSTILE.items()},
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
