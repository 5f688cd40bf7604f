"""The site that faults are injected into, and handles on its parts."""

import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import redis

from byname.rig.site import PrivateSite
from byname.rig.waiting import wait_until
from store.cache import layout

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

    def __init__(self, site: PrivateSite) -> None:
        self.site = site
        self._moving: dict[str, str] = {}

    @property
    def url(self) -> str:
        """The store."""
        return f"sqlite:///{self.site.database}"

    @property
    def cache(self) -> "redis.Redis":
        """A client of the cache with all rights."""
        return redis.Redis(unix_socket_path=str(self.site.redis.socket), socket_timeout=10)

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

    def start(self, *names: str) -> None:
        """Do what a supervisor does: start daemons, and wait until they serve."""
        for name in names:
            self.site.start_daemon(name)
        for name in names:
            self.site.wait_for_daemon(name)

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

    def _rename(self, old: str, new: str) -> None:
        with closing(sqlite3.connect(self.site.database, timeout=20)) as connection, connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")

    @contextmanager
    def without_descriptors(self, name: str) -> Iterator[None]:
        """Let a daemon open not one file or connection more than it has."""
        process = self.site.daemons[name].pid
        assert process is not None
        soft, hard = resource.prlimit(process, resource.RLIMIT_NOFILE)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (3, hard))  # what is open stays open
        try:
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
            wait_until(lambda: self._waiting() == 0 and self.is_vouched_for(), 30, "a cache in step with the store")

    def _waiting(self) -> int:
        with closing(sqlite3.connect(self.site.database, timeout=20)) as connection:
            found = connection.execute("SELECT count(*) FROM outbox WHERE applied_at IS NULL").fetchone()
        return int(found[0])
