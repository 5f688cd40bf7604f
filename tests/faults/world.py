"""The site that faults are injected into, and handles on its parts."""

import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import count
from pathlib import Path

import redis
from sqlalchemy import text

from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.redis import PrivateRedis
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from store.sql.database import Database
from store.wire_format import layout
from tests.faults.looks import Looks
from tests.store.postgres_server import PostgresServer

# A process of its own: such locks belong to a process, and ours opens the store too.
_LOCKER = """
import fcntl, sys
with open(sys.argv[1], "r+b") as index:
    fcntl.lockf(index, fcntl.LOCK_EX, 5, 123)
    print("locked", flush=True)
    sys.stdin.read()
"""


class World:
    """A running site. The store's moving names keep the state they had at the end of the trial before."""

    def __init__(self, site: PrivateSite, postgres: PostgresServer | None = None) -> None:
        self.site = site
        self._postgres = postgres
        self._moving: dict[str, str] = {}
        self._looks: list[Looks] = []  # of each site, while there are any

    @property
    def url(self) -> str:
        """The store."""
        return self.site.url

    @property
    def sites(self) -> Sequence[PrivateSite]:
        """The sites that mail flows through."""
        return (self.site,)

    @property
    def cache(self) -> "redis.Redis":
        """A client of the cache with all rights."""
        return redis.Redis(unix_socket_path=str(self.site.redis.socket), socket_timeout=10)

    @property
    def postgres(self) -> PostgresServer:
        """The server of the store, where it is PostgreSQL."""
        assert self._postgres is not None
        return self._postgres

    @contextmanager
    def replica(self) -> Iterator[PrivateRedis]:
        """Start a replica of Redis, which holds all it does, for the length of a block."""
        port = free_port()
        self.cache.config_set("port", port)
        self.cache.config_set("repl-diskless-sync-delay", 0)
        try:
            with PrivateRedis(self.site.folder / "replica", "--replicaof", f"{LOOPBACK} {port}") as replica:
                with redis.Redis(unix_socket_path=str(replica.socket)) as client:
                    wait_until(lambda: client.info("replication")["master_link_status"] == "up", 20, "a replica")
                yield replica
        finally:
            with suppress(redis.ConnectionError):  # it may have been killed meanwhile
                self.cache.config_set("port", 0)

    @contextmanager
    def looking(self) -> Iterator[Sequence[Looks]]:
        """Let look-ups be made beside the milters of each site for the length of a block, and note what answers."""
        self._looks = [Looks(site.config, site.folder / "looks") for site in self.sites]
        try:
            for number in range(len(self._looks)):
                self.look_anew(number)
            yield self._looks
        finally:
            for each in self._looks:
                each.stop()
            self._looks = []

    def look_anew(self, number: int, environ: Mapping[str, str] | None = None) -> None:
        """Start again what looks at a site, if anything does."""
        for looks in self._looks[number : number + 1]:
            looks.stop()
            with self.sites[number].inside():
                looks.start(environ)

    def moving(self, first: Mapping[str, str]) -> dict[str, str]:
        """Return the state of the moving names now."""
        return dict(first) | self._moving

    def remember(self, states: Mapping[str, str]) -> None:
        """Keep the state of the moving names for the next trial."""
        self._moving = dict(states)

    def kill(self, *names: str) -> None:
        """Kill daemons."""
        for name in names:
            self.site.daemons[name].send(signal.SIGKILL)
            self.site.daemons[name].stop()

    def start(self, *names: str, environ: Mapping[str, str] | None = None) -> None:
        """Do what a supervisor does: start daemons, and wait until they serve."""
        for name in names:
            self.site.start_daemon(name, environ)
        for name in names:
            self.site.wait_for_daemon(name)

    @contextmanager
    def restarted(self, *names: str, environ: Mapping[str, str]) -> Iterator[None]:
        """Run daemons with more in their environment for the length of a block."""
        self.kill(*names)
        self.start(*names, environ=environ)
        try:
            yield
        finally:
            self.kill(*names)
            self.start(*names)

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """Stop daemons dead for the length of a block; they keep their connections."""
        for name in names:
            self.site.daemons[name].send(signal.SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                self.site.daemons[name].send(signal.SIGCONT)

    @contextmanager
    def broken_store(self) -> Iterator[None]:
        """Make every look-up fail, while the file stays."""
        self._rename("addresses", "hidden")
        try:
            yield
        finally:
            self._rename("hidden", "addresses")

    @contextmanager
    def unreadable_store(self) -> Iterator[None]:
        """Hold what SQLite takes for reading: its five read marks (sqlite.org/walformat.html, section 2.3)."""
        index = f"{self.site.database}-shm"
        command = [sys.executable, "-c", _LOCKER, index]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as locker:
            assert locker.stdout is not None
            assert locker.stdout.readline() == b"locked\n"
            yield
            locker.communicate()  # the end of its input is the end of the lock

    @contextmanager
    def renamed_store(self) -> Iterator[None]:
        """Take the store's file away, and the two that belong to it; who has it open keeps it."""
        files = [self.site.database.with_name(self.site.database.name + end) for end in ("", "-wal", "-shm")]
        away = [file.with_name(f"away-{file.name}") for file in files]
        for file, hidden in zip(files, away, strict=True):
            file.rename(hidden)
        try:
            yield
        finally:
            for file, hidden in zip(files, away, strict=True):
                hidden.rename(file)

    def _rename(self, old: str, new: str) -> None:
        with closing(sqlite3.connect(self.site.database, timeout=20)) as connection, connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")

    @contextmanager
    def without_descriptors(self, name: str) -> Iterator[None]:
        """Let a daemon open not one file or connection more than it has, and take what it has with idle connections.

        A limit below what is open would do more than a full table does: poll(2) refuses to look at so many.
        """
        process = self.site.daemons[name].pid
        assert process is not None
        soft, hard = resource.prlimit(process, resource.RLIMIT_NOFILE)
        used = {int(each.name) for each in Path(f"/proc/{process}/fd").iterdir()}
        lowest_free = next(number for number in count() if number not in used)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (lowest_free, hard))  # what is open stays open
        try:
            with ExitStack() as idle:
                for _ in range(20):  # the daemon takes one whenever it has closed another
                    idle.enter_context(socket.create_connection(self.site.place(name)))
                yield
        finally:
            resource.prlimit(process, resource.RLIMIT_NOFILE, (soft, hard))

    def copy_store(self, target: Path) -> None:
        """Write a copy of the store."""
        with closing(sqlite3.connect(self.site.database)) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)

    def restore_store(self, source: Path) -> None:
        """Put an older copy in the store's place, as ``sqlite3 .restore`` does."""
        with (
            closing(sqlite3.connect(source)) as copy,
            closing(sqlite3.connect(self.site.database, timeout=20)) as live,
        ):
            copy.backup(live)

    def is_vouched_for(self) -> bool:
        """Tell whether the cache holds a lease."""
        return bool(self.cache.exists(layout.LEASE_KEY))

    def wait_for_lease(self) -> None:
        """Wait until the cache is vouched for."""
        wait_until(self.is_vouched_for, 30, "a lease")

    def wait_until_vouched_for(self) -> float:
        """Wait until the cache is vouched for, if there is one, and return when that was."""
        if self.site.cache:
            self.wait_for_lease()
        return time.time()

    def wait_until_in_step(self) -> None:
        """Wait until the cache, if there is one, holds all that was changed."""
        if self.site.cache:
            wait_until(lambda: self.unapplied() == 0 and self.is_vouched_for(), 30, "a cache in step with the store")

    def unapplied(self) -> int:
        """Return how many changes the relay has not marked yet."""
        with closing(Database.open(self.url)) as database, database.read() as tx:
            return int(tx.scalar(text("SELECT count(*) FROM outbox WHERE applied_at IS NULL")) or 0)
