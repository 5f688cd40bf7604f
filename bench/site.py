"""A private site for a bench: a database, a Redis, the relay and an inbound milter, each a process, as in production.

The database keeps its usual care for what is written (PostgreSQL with fsync), unlike the tests'.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from bench.milter_client import opened
from byname.rig.errors import RigError
from byname.rig.folders import short_folder
from byname.rig.processes import Daemon
from byname.rig.redis import PrivateRedis
from byname.rig.waiting import wait_until
from store.cache.layout import LEASE_KEY
from store.sql.database import Database
from store.sql.migrate import upgrade
from tests.store.postgres_server import PostgresServer, programs

Store = Literal["sqlite", "postgresql"]

_PATIENCE = 60.0  # seconds
_SETTINGS = """\
store.url = "{store}"
cache.url = "{cache}"
milter.inbound = "{milter}"
"""


@dataclass(slots=True)
class BenchSite:
    """A site over an empty, migrated store; a context manager. Relay and milter start when they are asked for."""

    store: Store
    folder: Path = field(init=False)
    url: str = field(init=False)  # of the database
    database: Database = field(init=False)
    redis: PrivateRedis = field(init=False)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    @property
    def milter(self) -> str:
        """Where the milter listens, as the settings write it."""
        return f"unix:{self.folder}/in.sock"

    def start_relay(self) -> Daemon:
        """Start ``byname relay`` and wait until it vouches for the cache."""
        relay = self.start("relay")
        wait_until(lambda: self._is_vouched_for(relay), _PATIENCE, "the lease")
        return relay

    def start_milter(self) -> Daemon:
        """Start an inbound milter and wait until it serves."""
        milter = self.start("milter", "--role", "inbound")
        wait_until(lambda: self._serves(milter), _PATIENCE, "the milter")
        return milter

    def start(self, *arguments: str) -> Daemon:
        """Start a ``byname`` command that runs until the end of the site."""
        command = [sys.executable, "-m", "byname", "--config", str(self._config), *arguments]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("BYNAME_")}
        daemon = Daemon(command, self.folder / f"byname-{arguments[-1]}.log", environ)
        return self._stack.enter_context(daemon)

    @property
    def _config(self) -> Path:
        return self.folder / "byname.toml"

    def _is_vouched_for(self, relay: Daemon) -> bool:
        relay.check_running()
        return self.redis.say("EXISTS", LEASE_KEY) == ":1"

    def _serves(self, milter: Daemon) -> bool:
        milter.check_running()
        try:
            opened(self.milter).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Self:
        try:
            self.folder = self._stack.enter_context(short_folder())
            self.redis = self._stack.enter_context(PrivateRedis(self.folder / "redis"))
            self.url = self._database_url()
            upgrade(self.url)
            self.database = Database.open(self.url)
            self._stack.callback(self.database.close)
            settings = {"store": self.url, "cache": self.redis.url, "milter": self.milter}
            self._config.write_text(_SETTINGS.format_map(settings))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _database_url(self) -> str:
        if self.store == "sqlite":
            return f"sqlite:///{self.folder}/byname.db"
        return self._stack.enter_context(_postgres())


@contextmanager
def _postgres() -> Iterator[str]:
    """Run a private PostgreSQL; yield the URL of an empty database."""
    binaries = programs()
    if binaries is None:
        raise RigError("no PostgreSQL server is installed")
    server = PostgresServer(binaries, settings=())
    try:
        server.start()
        server.run_sql("CREATE DATABASE bench")
        yield server.url("bench")
    finally:
        server.remove()
