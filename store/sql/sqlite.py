"""SQLite, the embedded default: one file, many readers beside one writer (WAL).

The settings are those measured in docs/facts.md, "SQL": with deferred BEGINs parallel writers die with "database is
locked", with BEGIN IMMEDIATE they queue.
"""

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, text

from store.errors import StoreNotReady
from store.sql.pool_profiles import MIGRATE, PoolProfile
from store.sql.prepared import Prepared

_BEGIN, _BEGIN_IMMEDIATE = Prepared(text("BEGIN")), Prepared(text("BEGIN IMMEDIATE"))
_PAUSE = 0.01  # seconds between two tries
_FILE_MODE = 0o640  # password hashes; the group may read, so that Dovecot can


@dataclass(frozen=True, slots=True)
class Sqlite:
    """A database in the file ``path``, which need not exist yet."""

    writers: ClassVar[int | None] = 1

    path: Path

    def engine(self, purpose: PoolProfile) -> Engine:
        """Return a pool of connections for ``purpose``. Nothing is opened yet, and no file is ever created."""
        engine = create_engine(
            URL.create("sqlite+pysqlite", database=str(self.path)),
            creator=lambda: _connect(self.path, purpose),
            poolclass=QueuePool,
            pool_size=purpose.pool_size,
            max_overflow=purpose.pool_overflow,
            pool_timeout=purpose.lock,
            hide_parameters=True,  # they hold password hashes
        )
        if purpose.transactions:
            event.listen(engine, "begin", _begin if purpose.read_only else _begin_immediate)
        return engine

    def require_present(self) -> None:
        """Raise StoreNotReady when the file is missing."""
        if not self.path.exists():
            raise StoreNotReady(f"there is no database file {self.path}; run: byname db upgrade")

    def identity(self) -> object:
        """Return device and inode of the file, which is another one after it was moved here; None without a file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def create(self) -> None:
        """Create the file, empty, unless it is there already; only the migrations do this.

        Raises:
            StoreNotReady: the folder is missing, or does not let us.
        """
        if not self.path.parent.is_dir():
            raise StoreNotReady(f"there is no folder {self.path.parent} for the database; create it first")
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        except FileExistsError:
            return
        except OSError as error:
            raise StoreNotReady(f"cannot create the database file {self.path}: {error.strerror}") from error
        os.fchmod(descriptor, _FILE_MODE)  # whatever the umask; the WAL beside it gets the same mode
        os.close(descriptor)


def _connect(path: Path, purpose: PoolProfile) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",  # never creates a file
        uri=True,
        timeout=purpose.lock,  # busy_timeout
        isolation_level=None,  # transactions are ours, not the driver's
        check_same_thread=False,  # the pool hands a connection to one thread at a time
    )
    try:
        if not purpose.read_only:
            _use_wal(connection, purpose.lock)
        for pragma in _pragmas(purpose):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _pragmas(purpose: PoolProfile) -> tuple[str, ...]:
    if purpose.read_only:
        return ("query_only=ON",)
    # A migration that rebuilds a table drops the old one: with foreign keys on that would cascade.
    foreign_keys = "OFF" if purpose is MIGRATE else "ON"
    return ("synchronous=NORMAL", f"foreign_keys={foreign_keys}")


def _use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Turn the write-ahead log on, as happens once in a file's life, waiting ``timeout`` seconds for others.

    Of two that turn it on together SQLite refuses one at once, without the busy_timeout: both hold the read lock that
    the change needs to be alone with (measured: 60 of 2,400 first connections, six at a time).
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _begin(connection: Connection) -> None:
    _BEGIN.change(connection)


def _begin_immediate(connection: Connection) -> None:
    _BEGIN_IMMEDIATE.change(connection)
