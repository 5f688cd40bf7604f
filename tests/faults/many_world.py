"""A topology that faults are injected into, and handles on its parts."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import redis

from byname.sandbox.mail_machine import DAEMONS, MailMachine
from byname.sandbox.site import PrivateSite
from byname.sandbox.topology import Topology
from byname.sandbox.waiting import wait_until
from store.sql.database import Database
from store.wire_format import layout
from tests.faults.release import Release
from tests.faults.world import World

RELAYS = ("relay-db1", "relay-db2")


class ManyWorld(World):
    """A running topology. Mail flows through each of its mail machines in turn."""

    def __init__(self, topology: Topology) -> None:
        super().__init__(next(iter(topology.mail.values())))
        self.many = topology
        self.lease_key = layout.LEASE_KEY  # of the release that is to vouch for the cache
        self.release: Release  # another one, where a row wants it

    @property
    def url(self) -> str:
        """The store, whichever server takes changes."""
        return self.many.url

    @property
    def sites(self) -> Sequence[PrivateSite]:
        """The mail machines."""
        return tuple(self.many.mail.values())

    @property
    def cache(self) -> "redis.Redis":
        """A client of the primary."""
        return self.client(self.many.primary())

    def client(self, place: str) -> "redis.Redis":
        """Return a client of a store machine's Redis, or of a mail machine's replica."""
        server = self.many.mail[place].redis if place in self.many.mail else self.many.redis[place]
        return redis.Redis(unix_socket_path=str(server.socket), socket_timeout=10)

    def is_vouched_for(self) -> bool:
        """Tell whether the primary holds a lease."""
        return self.many.is_vouched_for(self.lease_key)

    def daemons(self, what: str) -> tuple[str, ...]:
        """Return the names of the relays, or of the APIs."""
        return tuple(f"{what}-{place}" for place in self.many.plan.stores)

    def end(self, *names: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End daemons of the stores' machines, sentinels or nginx: ``relay-db1``."""
        for name in names:
            self.many.daemons[name].send(how)
            self.many.daemons[name].stop()

    def begin(self, *names: str, environ: Mapping[str, str] | None = None) -> None:
        """Start them again."""
        for name in names:
            self.many.start_daemon(name, environ)

    def restart_mail(
        self, place: str, *names: str, environ: Mapping[str, str] | None = None, how: signal.Signals = signal.SIGTERM
    ) -> None:
        """Restart Byname's daemons on a mail machine, all or some, one after the other.

        Each ends in an orderly way, for which a milter with mail takes ten seconds, or is killed.
        """
        machine: MailMachine = self.many.mail[place]
        for name in names or DAEMONS:
            machine.daemons[name].send(how)
            machine.daemons[name].stop()
            machine.start_daemon(name, environ)
            machine.wait_for_daemon(name)
        if not names:
            self.look_anew(list(self.many.mail).index(place), environ)

    @contextmanager
    def mail_with(self, place: str, environ: Mapping[str, str]) -> Iterator[None]:
        """Run Byname's daemons of a mail machine with more in their environment for the length of a block."""
        self.restart_mail(place, environ=environ)
        try:
            yield
        finally:
            self.restart_mail(place)

    def wait_until_followed(self, *replicas: str) -> None:
        """Wait until replicas have a link to their primary."""
        for place in replicas:
            with self.client(place) as client:
                wait_until(lambda client=client: _is_linked(client), 30, f"a replica on {place}")  # type: ignore[misc]


def _is_linked(client: "redis.Redis") -> bool:
    try:
        return client.info("replication").get("master_link_status") == "up"
    except redis.RedisError:
        return False


def is_level(world: ManyWorld, primary: str) -> bool:
    """Return whether the standby has all that the primary has."""
    behind = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()"
    return world.many.postgres[primary].ask(behind) == "1"


def can_change(world: ManyWorld) -> bool:
    """Return whether the store takes changes."""
    database = Database.open(world.url)
    try:
        database.check()
    except Exception:  # noqa: BLE001 - whatever is wrong, it does not
        return False
    finally:
        database.close()
    return True
