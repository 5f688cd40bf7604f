"""SQLite: a copy by its online backup API, which no writer spoils, and the way back by the same.

Both run inside one transaction: the copy inside a reader's, so that it is the store of one moment however much is
written meanwhile; the way back inside a writer's, so that every reader sees the old store until it sees the new one.
"""

import errno
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from store.backup.archive import Show
from store.errors import BadBackup, StoreUnavailable

PAGES = 1000  # in one step, 4 MB
_LOCKED_WITHIN = 30.0  # seconds to wait for writers


def copy(source: Path, target: Path, show: Show) -> None:
    """Write all of ``source`` into the new file ``target``.

    Raises:
        sqlite3.Error: see :func:`translated`.
    """
    with closing(_open(source, "ro")) as live, closing(sqlite3.connect(target, isolation_level=None)) as made:
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it sees one state
        live.backup(made, pages=PAGES, progress=lambda _, left, total: show(total - left, total))
        live.execute("ROLLBACK")
        _check(made, "the copy")
        made.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it


def put(copy: Path, live: Path) -> None:
    """Put all that the database ``copy`` holds in the place of what ``live`` holds, in one transaction.

    Raises:
        StoreUnavailable: others write all the time.
        sqlite3.Error: see :func:`translated`.
    """
    give_up = time.monotonic() + _LOCKED_WITHIN

    def waited(status: int, _left: int, _total: int) -> None:
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() > give_up:
            raise StoreUnavailable("the database is locked by another program")

    with closing(_open(copy, "ro")) as source, closing(_open(live, "rw")) as target:
        source.backup(target, pages=-1, progress=waited, sleep=0.02)


def check(data: Path) -> None:
    """Look whether the data of a backup is a sound database.

    Raises:
        BadBackup: it is not.
    """
    try:
        with closing(_open(data, "ro")) as connection:
            _check(connection, "the database in it")
    except sqlite3.DatabaseError:
        raise BadBackup("the database in it is damaged") from None


@contextmanager
def translated() -> Iterator[None]:
    """Raise the store's own exceptions for SQLite's in the block.

    Raises:
        OSError: the disk is full.
        StoreUnavailable: anything else.
    """
    try:
        yield
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, "the disk is full; nothing was left behind") from error
        if error.sqlite_errorcode in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise StoreUnavailable("the database file is damaged") from error
        raise StoreUnavailable(f"the database file cannot be copied: {error}") from error


def _check(connection: sqlite3.Connection, what: str) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise BadBackup(f"{what} is damaged: {found}")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=_LOCKED_WITHIN, isolation_level=None
    )
