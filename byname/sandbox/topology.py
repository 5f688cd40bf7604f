"""A topology: machines with stores, machines for mail, what is between them, started from ``conf/topologies``."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from byname.sandbox.errors import SandboxError, SandboxTimeout
from byname.sandbox.folders import short_folder
from byname.sandbox.mail_machine import MailMachine, SampleRedis
from byname.sandbox.network import Machine, Network
from byname.sandbox.postgresql import PrivatePostgres
from byname.sandbox.processes import Daemon
from byname.sandbox.redis import PrivateRedis
from byname.sandbox.redis_cluster import is_well, join, serving
from byname.sandbox.waiting import wait_until
from store.cache.cluster import SLOT
from store.migrations.migrate import upgrade
from store.sql.database import Database
from store.wire_format.layout import LEASE_KEY

SAMPLES = Path(__file__).parents[2] / "conf" / "topologies"
SENTINEL_PORT = 26379
NODE_PORTS = (6379, 6380)
_READY_WITHIN = 15.0  # seconds


_IS_PRIMARY = ("EVAL", "return string.find(redis.call('INFO', 'replication'), 'role:master') and 1 or 0", "0")


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs where. The first of the stores is the primary, the others follow it."""

    name: str  # the folder of the samples
    addresses: Mapping[str, str]
    stores: Sequence[str]  # PostgreSQL, Redis, relay and API
    mail: Sequence[str]
    nodes: Sequence[str] = ()  # of a Redis Cluster, two on each machine; then the stores have no Redis
    sentinels: Sequence[str] = ()
    proxy: str | None = None  # nginx

    @property
    def node_addresses(self) -> list[str]:
        """Where the nodes of the cluster are, host:port, the future primaries first."""
        return [f"{self.addresses[place]}:{port}" for port in NODE_PORTS for place in self.nodes]


TWO_MTAS = Plan(
    "two-mtas",
    MappingProxyType({"db": "10.77.0.11", "mx1": "10.77.0.21", "mx2": "10.77.0.22"}),
    stores=("db",),
    mail=("mx1", "mx2"),
)
NO_SINGLE_POINT = Plan(
    "no-single-point",
    MappingProxyType(
        {"db1": "10.77.0.11", "db2": "10.77.0.12", "mx1": "10.77.0.21", "mx2": "10.77.0.22", "web": "10.77.0.31"}
    ),
    stores=("db1", "db2"),
    mail=("mx1", "mx2"),
    sentinels=("db1", "db2", "web"),
    proxy="web",
)
CLUSTER = Plan(
    "cluster",
    MappingProxyType(
        {
            "db": "10.77.0.11",
            "mx1": "10.77.0.21",
            "mx2": "10.77.0.22",
            "c1": "10.77.0.41",
            "c2": "10.77.0.42",
            "c3": "10.77.0.43",
        }
    ),
    stores=("db",),
    mail=("mx1", "mx2"),
    nodes=("c1", "c2", "c3"),
)


@dataclass(slots=True)
class Topology:
    """A running topology; a context manager. Leaving it ends every process and removes folders and networks.

    ``fill`` puts names into the empty store and returns the passwords.
    """

    plan: Plan
    fill: Callable[[Database], dict[str, str]]
    postfix_extra: Mapping[str, str] = field(default_factory=dict)

    network: Network = field(init=False)
    folder: Path = field(init=False)
    postgres: dict[str, PrivatePostgres] = field(init=False, default_factory=dict)
    redis: dict[str, SampleRedis] = field(init=False, default_factory=dict)  # db1; c1 and c1-6380
    daemons: dict[str, Daemon] = field(init=False, default_factory=dict)  # relay-db1, api-db1, sentinel-web, nginx-web
    mail: dict[str, MailMachine] = field(init=False, default_factory=dict)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    @property
    def samples(self) -> Path:
        """The folder of the files that configure it."""
        return SAMPLES / self.plan.name

    @property
    def url(self) -> str:
        """The store, from here: the server that takes changes is found."""
        hosts = "&".join(f"host={server.folder}" for server in self.postgres.values())
        return f"postgresql://byname@/byname?{hosts}&target_session_attrs=primary"

    def machine(self, name: str) -> Machine:
        """Return a machine."""
        return self.network.machines[name]

    def start_daemon(self, name: str, environ: Mapping[str, str] | None = None) -> None:
        """Start a daemon of a store's machine, a sentinel or nginx (again): ``relay-db1``."""
        what, _, place = name.partition("-")
        more = {key: value for key, value in os.environ.items() if not key.startswith("BYNAME_")} | dict(environ or {})
        daemon = Daemon(self._command(what, place), self.folder / f"{name}.log", more)
        self.daemons[name] = daemon
        self._stack.callback(daemon.stop)
        with self.machine(place).inside():
            daemon.start()

    def start_redis(self, place: str, *more: str, environ: Mapping[str, str] | None = None) -> None:
        """Start the Redis of a store's machine, or a node, again."""
        with self.machine(place.partition("-")[0]).inside():
            self.redis[place].start(more=more, environ=environ)

    def primary(self) -> str:
        """Return where the primary is: as the sentinels say, or the nodes of a cluster, where there are any."""
        if self.plan.nodes:
            return self._serving()
        if not self.plan.sentinels:
            return self.plan.stores[0]
        place = self.plan.sentinels[-1]
        question = ("redis-cli", "-p", str(SENTINEL_PORT), "--raw", "sentinel", "get-master-addr-by-name", "byname")
        address = self.run_at(place, *question).split()[0]
        return next(name for name, known in self.plan.addresses.items() if known == address)

    def databases(self) -> tuple[str, str]:
        """Return where PostgreSQL's primary and its standby are."""
        follows = {place: server.ask("SELECT pg_is_in_recovery()") == "t" for place, server in self.postgres.items()}
        primary, standby = sorted(follows, key=lambda place: follows[place])
        return primary, standby

    def start_replica(self, place: str) -> None:
        """Start the Redis of a store's machine again, behind the one that is the primary by now."""
        self.start_redis(place, "--replicaof", self.plan.addresses[self.primary()], str(NODE_PORTS[0]))

    def logs(self) -> str:
        """Return the end of every log."""
        paths = sorted(self.folder.glob("*.log"))
        return "\n".join(f"== {path.name} ==\n{path.read_text(errors='backslashreplace')[-2000:]}" for path in paths)

    def run_at(self, place: str, *command: str) -> str:
        """Run a program on a machine and return what it prints."""
        with self.machine(place).inside():
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def is_vouched_for(self, lease: str = LEASE_KEY) -> bool:
        """Return whether a primary has a lease, the key of a release: a copy on a replica does not count."""
        servers = self.redis.values()
        return any(_answers(server, _IS_PRIMARY) and _answers(server, ("EXISTS", lease)) for server in servers)

    def _serving(self) -> str:
        """Return the node that serves our slot, as the first one says that is in touch with the cluster."""
        asked = next((server for server in self.redis.values() if is_well(server)), None)
        if asked is None:
            raise SandboxError("the cluster is down")
        address, _, port = serving(asked, SLOT).partition(":")
        place = next(name for name, known in self.plan.addresses.items() if known == address)
        return place if port == str(NODE_PORTS[0]) else f"{place}-{port}"

    def _command(self, what: str, place: str) -> list[str]:
        if what == "sentinel":
            return ["redis-server", str(self.folder / f"sentinel-{place}.conf"), "--sentinel"]
        if what == "nginx":
            return ["nginx", "-c", str(self.folder / "nginx.conf"), "-g", "daemon off; error_log stderr;"]
        return [sys.executable, "-m", "byname", "--config", str(self.folder / "db.toml"), what]

    def _start(self) -> None:
        self.folder = self._stack.enter_context(short_folder())
        self.network = self._stack.enter_context(Network(self.plan.addresses))
        (self.folder / "db.toml").write_text((self.samples / "db.toml").read_text())
        for place in self.plan.stores:
            self._start_store(place)
        if self.plan.nodes:
            self._start_nodes()
        upgrade(self.postgres[self.plan.stores[0]].url("byname"))
        database = Database.open(self.postgres[self.plan.stores[0]].url("byname"))
        try:
            self.fill(database)
        finally:
            database.close()
        self._start_between()
        for place in self.plan.stores:
            for what in ("relay", "api"):
                self.start_daemon(f"{what}-{place}")
        self._start_mail()
        try:
            wait_until(self.is_vouched_for, _READY_WITHIN, "a lease")
        except SandboxTimeout as error:
            raise SandboxError(f"{error}\n{self.logs()}") from error

    def _start_store(self, place: str) -> None:
        server = PrivatePostgres(
            self.folder / f"pg-{place}", self.samples / "postgresql.conf", self.samples / "pg_hba.conf"
        )
        self.postgres[place] = server
        self._stack.callback(server.stop)
        first, address = self.plan.stores[0], self.plan.addresses[self.plan.stores[0]]
        if not self.plan.nodes:
            more = () if place == first else ("--replicaof", address, "6379")
            self._add_redis(place, "redis-primary.conf", *more)
        with self.machine(place).inside():
            if place == first:
                server.start()
                server.ask("CREATE DATABASE byname")
            else:
                server.follow(address)

    def _add_redis(self, name: str, sample: str, *more: str) -> None:
        self.redis[name] = SampleRedis(self.folder / f"redis-{name}", self.samples / sample, *more)
        self._stack.callback(self.redis[name].stop)
        self.start_redis(name)

    def _start_nodes(self) -> None:
        """Start two nodes on each machine, the second ones with their own port, and join them to a cluster."""
        second = NODE_PORTS[1]
        for place in self.plan.nodes:
            self._add_redis(place, "redis-node.conf")
            self._add_redis(f"{place}-{second}", "redis-node.conf", "--port", str(second))
        with self.machine(self.plan.nodes[0]).inside():
            join(self.plan.node_addresses, self.redis.values(), replicas=1)

    def _start_between(self) -> None:
        for place in self.plan.sentinels:
            (self.folder / f"sentinel-{place}.conf").write_text((self.samples / "sentinel.conf").read_text())
            self.start_daemon(f"sentinel-{place}")
        if self.plan.proxy is not None:
            text = (self.samples / "nginx.conf").read_text().replace("http {", "http {\n    access_log off;", 1)
            (self.folder / "nginx.conf").write_text(f"pid {self.folder}/nginx.pid;\n{text}")
            self.start_daemon(f"nginx-{self.plan.proxy}")

    def _start_mail(self) -> None:
        for place in self.plan.mail:
            self.mail[place] = self._stack.enter_context(
                MailMachine(
                    self.fill,
                    delivery="agent",
                    into_sink=True,
                    cache=True,
                    store_url=self.url,
                    postfix_extra=self.postfix_extra,
                    machine=self.machine(place),
                    samples=self.samples,
                )
            )

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()


def _answers(server: PrivateRedis, question: Sequence[str]) -> bool:
    """Return whether a Redis answers 1."""
    try:
        return server.say(*question) == ":1"
    except OSError:
        return False
