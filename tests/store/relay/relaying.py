"""A relay in the test's own hands: one step at a time, over a real Redis and a real database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import select

from routing.address import Address
from routing.records import HostedDomain
from store.cache.connection import open_pool
from store.cache.directory import RedisDirectory
from store.relay.rebuild import Progress, audit, basis_of, rebuild
from store.relay.redis_target import RedisTarget
from store.relay.report import Difference
from store.relay.source import Change, SqlSource
from store.relay.steps import Relay, Step
from store.relay.target import Applied, Basis, Lifetimes
from store.services import aliases
from store.sql.database import Database
from store.sql.tables import OutboxRow
from store.sql.tenant import Transaction
from store.wire_format import layout
from tests.store.redis_server import RedisServer

JOHN, SALES = Address("john", "brand-a.com"), Address("sales", "brand-b.com")
LIVES = Lifetimes(lease=5, grace=60, sender_grace=30)


class Relaying:
    """One relay with its own connections."""

    def __init__(self, database: Database, server: RedisServer, lifetimes: Lifetimes = LIVES, url: str = "") -> None:
        self.database = database
        self.server = server
        self.source = SqlSource(database)
        self._url = url or server.url
        self.target = self._opened()
        self.relay = Relay(self.source, self.target, lifetimes)

    def settle(self) -> Step:
        """Step, and rebuild where that is asked for, until the lease is given."""
        for _ in range(50):
            step = self.relay.step()
            if step.is_leased:
                return step
            if step.distrust is not None:
                self.rebuild()
        raise AssertionError(f"no lease: {step}")

    def basis(self) -> Basis:
        """What may be written by someone who looks now."""
        return basis_of(self.target.state())

    def apply(self, changes: Sequence[Change]) -> Applied:
        """Apply changes, whoever read them and when."""
        return self.target.apply(self.basis(), changes)

    def rebuild(self) -> Progress:
        *_, last = rebuild(self.source, self.target)
        return last

    def audit(self) -> Progress:
        *_, last = audit(self.source, self.target, repairs=True)
        return last

    def differences(self) -> list[Difference]:
        """What is not in step; nothing is mended. Over a connection of its own: the relay may be at work meanwhile."""
        with closing(self._opened()) as target:
            *_, last = audit(self.source, target, repairs=False)
        return last.report.differences

    def change(self, *changes: Callable[[Transaction], object]) -> None:
        for change in changes:
            with self.database.write() as tx:
                change(tx)

    def close(self) -> None:
        self.target.close()

    def _opened(self) -> RedisTarget:
        return RedisTarget(open_pool(self._url, timeout=10, connections=4))


@contextmanager
def another(relaying: Relaying) -> Iterator[Relaying]:
    """A second relay beside the first."""
    with closing(Relaying(relaying.database, relaying.server)) as opened:
        yield opened


def add_sales(tx: Transaction, address: str = str(SALES)) -> None:
    aliases.add(tx, address, str(JOHN))


def seen(server: RedisServer, domain: str, field: str) -> str | None:
    value: Any = server.admin.hget(layout.domain_key(domain), field)
    return None if value is None else value.decode()


def lease_left(server: RedisServer) -> float:
    left: Any = server.admin.pttl(layout.LEASE_KEY)
    return float(left) / 1000


def known(server: RedisServer, wanted: Address) -> HostedDomain | None:
    with closing(RedisDirectory.open(server.url)) as directory:
        return directory.lookup([wanted]).get(wanted.domain)


def pending(database: Database) -> Sequence[OutboxRow]:
    with database.read() as tx:
        return tx.scalars(select(OutboxRow).where(OutboxRow.applied_at.is_(None)).order_by(OutboxRow.id)).all()


class Crash(BaseException):
    """The relay's process dies here."""


def crash(*_: object) -> None:
    raise Crash
