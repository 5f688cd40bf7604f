"""Passwords are hashed before the transaction that keeps them, by commands and by the demo as by the other doors.

What each door over HTTP does is watched in all its tests (tests/api/conftest.py). An import makes no mailboxes.
"""

import threading

from byname.demo.world import fill
from store.sql.database import Database
from tests.api.hashing import hashing_watched
from tests.store.cli.command_line import CommandLine

HERE = threading.main_thread().name


def test_commands(byname: CommandLine) -> None:
    with hashing_watched(HERE) as hashing:
        byname.succeed(
            "mailbox add ann@brand-a.test --generate-password",
            "mailbox password ann@brand-a.test --generate-password",
            "admin add ann@agency.example --account acme --generate-password",
            "admin reset ann@agency.example --generate-password",
        )
    assert hashing.done == ["hash"] * 4


def test_the_demo(sqlite_database: Database) -> None:
    with hashing_watched(HERE) as hashing:
        passwords = fill(sqlite_database)
    assert hashing.done == ["hash"] * len(passwords)
