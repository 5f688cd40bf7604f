"""A private site for a bench: a database, a Redis, the relay and an inbound milter, each a process, as in production.

The database keeps its usual care for what is written (PostgreSQL with fsync), unlike the tests'.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, field
from grp import getgrnam
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import redis
from sqlalchemy import make_url

from bench.load.milter_client import opened
from byname.sandbox.errors import SandboxError
from byname.sandbox.folders import short_folder
from byname.sandbox.ports import LOOPBACK, free_port
from byname.sandbox.processes import Daemon
from byname.sandbox.redis import PrivateRedis
from byname.sandbox.waiting import greets, wait_until
from store.migrations.migrate import upgrade
from store.sql.database import Database
from store.wire_format.layout import LEASE_KEY
from tests.store.postgres_server import PostgresServer, programs

Store = Literal["sqlite", "postgresql"]

_TIMEOUT = 60.0  # seconds
_SETTINGS = """\
store.url = "{store}"
milter.inbound = "{milter}"
maps.listen = "{maps}"
api.listen = "{host}:{port}"
api.rate = 1_000_000
api.burst = 1_000_000
"""
_CACHE = 'cache.url = "{cache}"\n'


@dataclass(slots=True)
class BenchSite:
    """A site over an empty, migrated store; a context manager. Relay and milter start when they are asked for.

    Its folder holds the sockets; with ``for_postfix`` (as root) a Postfix may use them, as README.md sets it up.
    """

    store: Store
    for_postfix: bool = False
    folder: Path = field(init=False)
    url: str = field(init=False)  # of the database
    database: Database = field(init=False)
    redis: PrivateRedis = field(init=False)
    milter: str = field(init=False)  # where it listens, as the settings write it
    maps: str = field(init=False)
    api: tuple[str, int] = field(init=False)
    sockets: Path = field(init=False)  # the folder of the daemons' sockets
    _place: Path = field(init=False)  # of the settings, the logs and the sockets
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    def start_relay(self) -> Daemon:
        """Start ``byname relay`` and wait until it vouches for the cache."""
        relay = self.start("relay")
        wait_until(lambda: self._is_vouched_for(relay), _TIMEOUT, "the lease")
        return relay

    def another(self, name: str, *, cached: bool, settings: str = "") -> "BenchSite":
        """Return a site over the same store and, if asked for, the same Redis, with daemons of its own.

        It ends with this one. ``settings`` are more of its settings, in TOML.
        """
        other = copy(self)
        other._settle(self.folder / name, self.redis.url if cached else "", settings)
        return other

    def without_cache(self) -> "BenchSite":
        """Return another site over the same store, whose daemons ask SQL."""
        return self.another("without-cache", cached=False)

    def start_maps(self) -> Daemon:
        """Start ``byname maps`` and wait until it serves."""
        maps = self.start("maps")
        wait_until(lambda: greets(self.sockets / "maps.sock", b""), _TIMEOUT, "the maps")
        return maps

    def start_milter(self) -> Daemon:
        """Start an inbound milter and wait until it serves."""
        milter = self.start("milter", "--role", "inbound")
        wait_until(lambda: self._serves(milter), _TIMEOUT, "the milter")
        return milter

    def start_api(self) -> Daemon:
        """Start the REST API and wait until it serves."""
        api = self.start("api")
        wait_until(lambda: greets(self.api, b""), _TIMEOUT, "the API")
        return api

    def start(self, *arguments: str) -> Daemon:
        """Start a ``byname`` command that runs until the end of the site."""
        command = [sys.executable, "-m", "byname", "--config", str(self._config), *arguments]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("BYNAME_")}
        environ["MAIL_CONFIG"] = str(self._place)  # for postmap, which insists on a main.cf
        daemon = Daemon(command, self._place / f"byname-{arguments[-1]}.log", environ)
        return self._stack.enter_context(daemon)

    def redis_bytes(self) -> int:
        """Return the memory that Redis uses."""
        with redis.Redis(unix_socket_path=str(self.redis.socket)) as client:
            return int(client.info("memory")["used_memory"])

    def redis_process(self) -> int:
        """Return the id of Redis's process."""
        with redis.Redis(unix_socket_path=str(self.redis.socket)) as client:
            return int(client.info("server")["process_id"])

    def database_process(self) -> int | None:
        """Return the id of PostgreSQL's first process; None for SQLite, which has none."""
        folder = make_url(self.url).query.get("host")
        if not isinstance(folder, str):
            return None
        return int((Path(folder) / "data" / "postmaster.pid").read_text().split()[0])

    @property
    def _config(self) -> Path:
        return self._place / "byname.toml"

    def _settle(self, place: Path, cache: str = "", more: str = "") -> None:
        """Choose where the daemons listen, and write their settings."""
        self._place = place
        place.mkdir(exist_ok=True)
        self.sockets = place / "s"
        self.sockets.mkdir()
        if self.for_postfix:
            os.chown(self.sockets, -1, getgrnam("postfix").gr_gid)
            self.sockets.chmod(0o2755)
        self.milter, self.maps = f"unix:{self.sockets}/in.sock", f"unix:{self.sockets}/maps.sock"
        self.api = LOOPBACK, free_port()
        settings = _SETTINGS.format(
            store=self.url, milter=self.milter, maps=self.maps, host=self.api[0], port=self.api[1]
        )
        (place / "main.cf").write_text("")
        os.utime(place / "main.cf", (1, 1))
        self._config.write_text(settings + (_CACHE.format(cache=cache) if cache else "") + more)

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
            self._settle(self.folder, self.redis.url)
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
        raise SandboxError("no PostgreSQL server is installed")
    server = PostgresServer(binaries, settings=())
    try:
        server.start()
        server.run_sql("CREATE DATABASE bench")
        yield server.url("bench")
    finally:
        server.remove()


def process_of(daemon: Daemon) -> int:
    """Return the id of a running process. Raises SandboxError when it has ended."""
    daemon.check_running()
    assert daemon.pid is not None
    return daemon.pid
