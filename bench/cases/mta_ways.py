"""The ways for a Postfix to know its names that the mta and peers benches compare, all over the same names."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import redis
from sqlalchemy import text

from bench.cases import native_maps
from bench.cases.bench_postfix import BenchPostfix
from bench.cases.native_maps import Names
from bench.cases.peer_ways import Peers
from bench.cases.yardstick import c_filter
from bench.load.filling import fill
from bench.load.site import BenchSite, process_of
from byname.sandbox.errors import SandboxError
from byname.sandbox.waiting import wait_until
from conf.map_file import MapFile
from store.sql.database import Database
from tests.store.postgres_server import PostgresServer, programs

RECIPIENT = "sales@brand-0.test"  # smtp-source puts a number before it

# All aliases into one domain, with names as smtp-source counts them.
_RENAME = """\
UPDATE addresses SET domain_id = 2, local_part = (id - (SELECT min(id) FROM addresses WHERE kind = 'alias')) || 'sales'
WHERE kind = 'alias'"""
_ALIASES = """\
SELECT a.local_part || '@' || d.name, m.local_part || '@' || md.name FROM aliases
JOIN addresses a ON a.id = aliases.id JOIN domains d ON d.id = a.domain_id
JOIN addresses m ON m.id = aliases.mailbox_id JOIN domains md ON md.id = m.domain_id"""
_MAILBOXES = """\
SELECT a.local_part || '@' || d.name, 'yes' FROM addresses a JOIN domains d ON d.id = a.domain_id
WHERE a.kind = 'mailbox'"""
_START = 30.0  # seconds
_DOMAINS = "SELECT name, 'yes' FROM domains"


@dataclass(frozen=True, slots=True)
class Way:
    """A Postfix and the processes that work for it, by part."""

    name: str
    postfix: BenchPostfix
    parts: Mapping[str, int]  # process ids
    mailboxes: Mapping[str, str]  # of the aliases
    writes_delivered_to: bool = True
    refuses_at: str = "RCPT"  # the command after which an unknown name is refused; empty: never

    def mailbox_of(self, alias: str) -> str:
        """Return where a message to an alias should go."""
        return self.mailboxes.get(alias, alias)


@dataclass
class _Makers:
    """Starts the ways, each in a method of its name; the stack ends them."""

    site: BenchSite
    names: Names
    stack: ExitStack

    def none(self) -> Way:
        """Every recipient in a hosted domain is taken."""
        way = self._postfix("none", self._hosted_from_lmdb())
        return replace(way, mailboxes={}, writes_delivered_to=False, refuses_at="")

    def lmdb(self) -> Way:
        """Postfix's own files."""
        return self._maps("lmdb", self._lmdb)

    def sqlite(self) -> Way:
        """Postfix's own SQLite client, by proxymap."""
        return self._maps("sqlite", native_maps.sqlite(self.site.folder, self.names))

    def pgsql(self) -> Way:
        """Postfix's own PostgreSQL client, by proxymap."""
        binaries = programs()
        if binaries is None:
            raise SandboxError("no PostgreSQL server is installed")
        server = PostgresServer(binaries, settings=())
        self.stack.callback(server.remove)
        server.start()
        maps = native_maps.pgsql(self.site.folder, self.names, server)
        server.folder.chmod(0o755)
        return self._maps("pgsql", maps, postgres=server.pid)

    def c(self) -> Way:
        """The filter in C."""
        at = f"unix:{self.site.sockets}/c.sock"
        filter_ = process_of(self.stack.enter_context(c_filter(self.site.folder, at, self.site.redis.socket)))
        return self._postfix("c", self._hosted_from_lmdb(), at, filter=filter_, redis=_redis(self.site))

    def redis(self) -> Way:
        """Byname over Redis."""
        return self._byname("redis", self.site, redis=_redis(self.site))

    def uncounted(self) -> Way:
        """As ``redis``, without counting the mails to aliases."""
        site = self.site.another("uncounted", cached=True, settings="[statistics]\nenabled = false\n")
        return self._byname("uncounted", site, redis=_redis(site))

    def redis_lmdb(self) -> Way:
        """Byname over Redis, and Postfix reads hosted domains from the file that ``byname maps`` keeps."""
        place = MapFile("lmdb", self.site.folder / "lmdb" / "domains")
        site = self.site.another("lmdb", cached=True, settings=f'maps.export = "{place}"\n')
        parts = {"filter": process_of(site.start_milter()), "maps": process_of(site.start_maps())}
        wait_until(place.file.exists, _START, "the file of hosted domains")
        hosted = {"virtual_mailbox_domains": str(place)}
        return self._postfix("redis_lmdb", hosted, site.milter, **parts, redis=_redis(site))

    def sql(self) -> Way:
        """Byname over SQLite."""
        return self._byname("sql", self.site.without_cache())

    def plain_milter(self) -> Way:
        """pymilter and redis-py, as people write it."""
        return self._peer("plain_milter")

    def rspamd(self) -> Way:
        """rspamd with one rule."""
        return replace(self._peer("rspamd"), refuses_at="DATA")

    def policy(self) -> Way:
        """Postfix's own files, and a policy service that is asked for each recipient too."""
        socket = self.site.sockets / "policy.sock"
        filter_, server = self._peers.policy_service(socket), _redis_of(self._peers.redis.socket)
        asked = {"smtpd_recipient_restrictions": f"check_policy_service unix:{socket}"}
        lines = native_maps.settings(self._lmdb) | asked
        return replace(self._postfix("policy", lines, filter=filter_, redis=server), writes_delivered_to=False)

    def _peer(self, name: str) -> Way:
        socket = self.site.sockets / f"{name}.sock"
        parts = {"filter": getattr(self._peers, name)(socket), "redis": _redis_of(self._peers.redis.socket)}
        return self._postfix(name, self._hosted_from_lmdb(), f"unix:{socket}", **parts)

    @cached_property
    def _peers(self) -> Peers:
        return Peers(self.site.folder, self.names, self.stack)

    def _maps(self, name: str, maps: Mapping[str, str], **parts: int) -> Way:
        return replace(self._postfix(name, native_maps.settings(maps), "", **parts), writes_delivered_to=False)

    def _byname(self, name: str, site: BenchSite, **others: int) -> Way:
        parts = {"filter": process_of(site.start_milter()), "maps": process_of(site.start_maps()), **others}
        hosted = {"virtual_mailbox_domains": f"socketmap:{site.maps}:domains"}
        return self._postfix(name, hosted, site.milter, **parts)

    def _hosted_from_lmdb(self) -> dict[str, str]:
        return {"virtual_mailbox_domains": self._lmdb["domains"]}

    @cached_property
    def _lmdb(self) -> dict[str, str]:
        return native_maps.lmdb(self.site.folder, self.names)

    def _postfix(self, name: str, settings: Mapping[str, str], milter: str = "", **parts: int) -> Way:
        instance = BenchPostfix(self.site.folder / f"postfix-{name}", settings=settings, milter=milter)
        self.stack.enter_context(instance)
        master = instance.master()
        if master is None:
            raise SandboxError("Postfix has no master")
        return Way(name, instance, {"postfix": master, **parts}, self._mailboxes)

    @cached_property
    def _mailboxes(self) -> Mapping[str, str]:
        return dict(self.names.aliases)


@contextmanager
def ways(names: Sequence[str], aliases: int) -> Iterator[list[Way]]:
    """Run the ways of these names for the length of a block, over that many aliases."""
    with BenchSite("sqlite", for_postfix=True) as site, ExitStack() as stack:
        fill(site.database, aliases)
        with site.database.write() as tx:
            tx.execute(text(_RENAME))
        site.start_relay()
        makers = _Makers(site, _names(site.database), stack)
        yield [getattr(makers, name)() for name in names]


def _names(database: Database) -> Names:
    with database.read() as tx:
        domains, aliases, mailboxes = (
            [(str(name), str(value)) for name, value in tx.execute(text(query))]
            for query in (_DOMAINS, _ALIASES, _MAILBOXES)
        )
    return Names(domains, aliases, mailboxes)


def _redis(site: BenchSite) -> int:
    return _redis_of(site.redis.socket)


def _redis_of(socket: Path) -> int:
    with redis.Redis(unix_socket_path=str(socket)) as client:
        return int(client.info("server")["process_id"])
