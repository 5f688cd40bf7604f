"""A private PostgreSQL server in a temporary folder, reachable over a unix socket only."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

_READY_WITHIN = 30  # seconds
_LARGE = """SELECT relname FROM pg_class
  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 200000"""
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def programs() -> Path | None:
    """Return the folder of the newest installed server, None when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """Start, stop, kill and freeze one server; for root as another user, as it must (docs/facts.md, "SQL")."""

    def __init__(self, binaries: Path, settings: Sequence[str] = _FAST) -> None:
        self._binaries = binaries
        self._settings = ("listen_addresses=", "max_connections=100", *settings)
        self._user = _unprivileged_user()
        self.folder = Path(tempfile.mkdtemp(prefix="byname-pg-"))
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        self._kept: dict[str, psycopg.Connection[Any]] = {}
        self.is_disturbed = False  # True once sessions may have been lost
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "byname", "-E", "UTF8", "--locale=C", "-D", self._data)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def url(self, database: str) -> str:
        return f"postgresql://byname@/{database}?host={self.folder}"

    def start(self) -> None:
        options = [word for setting in self._settings for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binaries / "postgres"), "-D", self._data, "-k", str(self.folder), *options],
                user=self._user,
                group=self._user and pwd.getpwnam(self._user).pw_gid,
                extra_groups=[] if self._user else None,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT cleanly, SIGQUIT at once."""
        self.is_disturbed = True
        if self._process:
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None

    def freeze(self) -> None:
        """Stop every process of the server dead: connections stay open and nobody answers."""
        self.is_disturbed = True
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def end_sessions(self, database: str) -> None:
        """End every session in a database."""
        self.is_disturbed = True
        self.run_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")

    def remove(self) -> None:
        for connection in self._kept.values():
            connection.close()
        self.stop()
        shutil.rmtree(self.folder)

    def run_sql(self, *statements: str, database: str = "postgres") -> None:
        with psycopg.connect(host=str(self.folder), user="byname", dbname=database, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def empty(self, database: str, tables: Iterable[str]) -> None:
        """Delete all rows of these tables, each after those that point at it, and count from 1 again.

        A fraction of the server's work for TRUNCATE, which makes a new file for each table and each index. Like it,
        what is gone stays gone when the server is killed the moment after. Tables that grew large are vacuumed: before,
        each later scan reads all that is dead in them, and what took milliseconds takes seconds.
        """
        deleted = (f"DELETE FROM {table};" for table in tables)
        counted = "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S';"
        connection = self._at_hand(database)
        large = connection.execute("".join(["SET synchronous_commit TO on;", *deleted, counted, _LARGE]).encode())
        while large.nextset():
            pass
        for (name,) in large.fetchall():
            connection.execute(f"VACUUM ANALYZE {name}".encode())

    def _at_hand(self, database: str) -> psycopg.Connection[Any]:
        """Return a connection that stays open: a new one costs the server as much work as emptying a database."""
        with suppress(KeyError, psycopg.OperationalError):  # of a server that was killed meanwhile, for one
            self._kept[database].execute("SELECT 1")
            return self._kept[database]
        connection = psycopg.connect(host=str(self.folder), user="byname", dbname=database, autocommit=True)
        self._kept[database] = connection
        return connection

    @contextmanager
    def connected(self, database: str) -> Iterator[psycopg.Connection[Any]]:
        """Open a connection, whose transaction is rolled back at the end of the block."""
        with closing(psycopg.connect(host=str(self.folder), user="byname", dbname=database)) as connection:
            yield connection

    def dump(self, database: str) -> str:
        """Return a copy of a database as SQL."""
        return self._run("pg_dump", "-h", str(self.folder), "-U", "byname", database)

    def restore(self, database: str, copy: str) -> None:
        """Drop a database, whoever uses it, and fill a new one from a copy, in one transaction: nobody sees half."""
        self.is_disturbed = True
        self.run_sql(f"DROP DATABASE {database} WITH (FORCE)", f"CREATE DATABASE {database}")
        once = ("--single-transaction", "-v", "ON_ERROR_STOP=1", "-q")
        self._run("psql", "-h", str(self.folder), "-U", "byname", *once, database, given=copy)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while True:
            try:
                self.run_sql("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return

    def _signal_all(self, which: signal.Signals) -> None:
        assert self._process
        for pid in [self._process.pid, *_children(self._process.pid)]:
            with suppress(ProcessLookupError):  # a backend may end at any moment
                os.kill(pid, which)

    def _run(self, program: str, *arguments: str, given: str = "") -> str:
        return subprocess.run(
            [str(self._binaries / program), *arguments],
            user=self._user,
            group=self._user and pwd.getpwnam(self._user).pw_gid,
            extra_groups=[] if self._user else None,
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
            input=given,
        ).stdout


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
