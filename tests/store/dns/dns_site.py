"""A store with two scripted nameservers and a clock that tests move."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from store.clock import utc_now
from store.dns.nameserver import RetryPolicy
from store.dns.records import Expected
from store.dns.resolvers import Resolvers
from store.services import domains
from store.services.domain_checks import proof
from store.services.domain_checks.checker import DomainChecker
from store.services.domain_checks.checks import DnsCheck
from store.services.views import Domain
from store.sql.database import Database
from tests.store.dns.dns_server import DnsServer

EXPECTED = Expected(("mx1.host.test", "mx2.host.test"), "spf.host.test", "byname")
PATIENT, HASTY = RetryPolicy(3, 1), RetryPolicy(0.3, 1)  # HASTY for servers that are to be silent


@dataclass
class Clock:
    """The present moment, as tests have it."""

    moment: datetime = field(default_factory=utc_now)

    def __call__(self) -> datetime:
        return self.moment

    def pass_hours(self, hours: float) -> None:
        self.moment += timedelta(hours=hours)


@dataclass
class DnsSite:
    """What the tests of the services work with."""

    database: Database
    servers: list[DnsServer]
    clock: Clock
    checker: DomainChecker

    def hurry(self) -> None:
        self.checker.resolvers.retry_policy = HASTY

    def domain(self, ref: int | str) -> Domain:
        with self.database.read() as tx:
            return domains.get(tx, ref)

    def token(self, ref: int | str) -> str:
        with self.database.read() as tx:
            return proof.token_of(tx, domains.get(tx, ref).id)

    def add(self, name: str, account: str = "acme") -> Domain:
        with self.database.write() as tx:
            return domains.add(tx, name, account=account)

    def publish(self, ref: int | str, *servers: int) -> None:
        """Put a domain's proof into the DNS as some of the servers have it: all of them by default."""
        for number in servers or range(len(self.servers)):
            self.servers[number].add(f"_byname.{self.domain(ref).name}", "TXT", f"byname-verify={self.token(ref)}")

    def withdraw(self, name: str) -> None:
        for server in self.servers:
            server.drop(f"_byname.{name}", "TXT")

    def verify(self, ref: int | str) -> DnsCheck:
        done = self.checker.verify(ref)
        assert done is not None
        return done

    def proved(self, name: str, account: str = "acme") -> Domain:
        """Add a domain and prove it."""
        made = self.add(name, account)
        self.publish(made.id)
        assert self.verify(made.id).event == "proved"
        return self.domain(made.id)

    def lapsed(self, name: str) -> None:
        """Let a proved domain's proof lapse."""
        self.withdraw(name)
        for hours in (24, 24, 24, 24):
            self.clock.pass_hours(hours)
            self.verify(name)
        assert self.domain(name).proof_lapsed


@contextmanager
def dns_site(database: Database, servers: int = 2) -> Iterator[DnsSite]:
    with ExitStack() as stack:
        running = [stack.enter_context(DnsServer()) for _ in range(servers)]
        clock = Clock()
        resolvers = Resolvers([server.nameserver for server in running], PATIENT)
        yield DnsSite(database, running, clock, DomainChecker(database, resolvers, EXPECTED, clock))
