"""A snapshot of all that decisions need, read from SQL in pages in one transaction, to load and check the cache."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain, groupby
from operator import attrgetter, itemgetter

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from routing.address import Address
from routing.people import account_of, people
from routing.records import HostedDomain
from store.batches import batches
from store.sql.directory_query import STATEMENT, Found
from store.sql.directory_rows import records
from store.sql.outbox import Clock
from store.sql.people import all_people, count_people
from store.sql.snapshot_names import NamePage, NamePages, PageRange, fields
from store.sql.tables import AddressRow, DomainRow
from store.wire_format.values import name_body

_DOMAINS = 200  # in a page
_NAMES = 5000
_FEW_DOMAINS, _FEW_NAMES = 50, 500  # for who has something else to do soon


@dataclass(frozen=True, slots=True)
class Part:
    """A hosted domain, with some of its names: field to body. Those of one domain come one after the other."""

    domain: HostedDomain  # without names
    names: dict[bytes, bytes]
    is_first: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one step of the reading has brought: a page of the names of some domains, which stay the same for a while.

    Domains come in the order of their ids, and so do their names.
    """

    first: int  # the id of the first of the domains
    domains: list[tuple[int, HostedDomain]]
    page: NamePage


class Snapshot:
    """The state of SQL as of ``clock``, as long as its transaction lasts."""

    def __init__(self, tx: Session, clock: Clock) -> None:
        self._tx = tx
        self.clock = clock
        self._ahead = ThreadPoolExecutor(1, "snapshot")
        self._pages = NamePages(tx)

    def close(self) -> None:
        """Wait for what is asked of the server; call this before the transaction ends."""
        self._ahead.shutdown(cancel_futures=True)

    def count(self) -> int:
        """Return how many names there are, of mailboxes, of aliases and of people."""
        return self._tx.scalars(select(func.count()).select_from(AddressRow)).one() + count_people(self._tx)

    def parts(self, *, gently: bool = False) -> Iterator[Part]:
        """Return every hosted domain in parts of at most some thousand names; ``gently``, of some hundred."""
        count, names = (_FEW_DOMAINS, _FEW_NAMES) if gently else (_DOMAINS, _NAMES)
        yield from self._parts(self._everything(count, names))
        yield from self._people(None, names)

    def domain(self, name: str) -> Iterator[Part]:
        """Return one domain, or the people of an account, in parts; nothing if it is not hosted, or there are none."""
        account = account_of(name)
        if account is not None:
            yield from self._people(account, _NAMES)
            return
        known = self._domains([name])
        hosted = select(DomainRow.id).where(DomainRow.name == name, DomainRow.verified_at.is_not(None))
        for number in self._tx.scalars(hosted).all():
            yield from self._parts(self._names([(number, known[name])], _NAMES))

    def _people(self, only: int | None, size: int) -> Iterator[Part]:
        """Return the people of every account, or of one, in parts of at most ``size``."""
        for account, bearers in all_people(self._tx, only):
            domain, is_first = people(account, {}), True
            following = batches(bearers, size)
            held = next(following)
            for names in following:
                yield Part(domain, _bodies(account, held), is_first=is_first, is_last=False)
                held, is_first = names, False
            yield Part(domain, _bodies(account, held), is_first=is_first, is_last=True)

    def _domains(self, names: list[str]) -> dict[str, HostedDomain]:
        found = self._tx.execute(STATEMENT, {"domains": names, "locals": []})
        return records((Found(*row) for row in found), [])

    def _parts(self, readings: Iterator[_Reading]) -> Iterator[Part]:
        for _, some in groupby(self._ahead_of_us(readings), attrgetter("first")):
            yield from _with_names(some)

    def _everything(self, count: int, size: int) -> Iterator[_Reading]:
        """Read all domains, ``count`` at a time, each time with all their names."""
        after = 0
        while page := self._tx.execute(_domains(after, count)).all():
            known = self._domains([row.name for row in page])
            yield from self._names([(row.id, known[row.name]) for row in page], size)
            after = page[-1].id

    def _names(self, domains: list[tuple[int, HostedDomain]], size: int) -> Iterator[_Reading]:
        """Read the names of domains, ``size`` at a time."""
        first, last = domains[0][0], domains[-1][0]
        page = self._pages.read(PageRange(first, "", last, size))
        yield _Reading(first, domains, page)
        while len(page.rows) == size:
            domain, local, *_ = page.rows[-1]
            page = self._pages.read(PageRange(domain, local, last, size))
            yield _Reading(first, domains, page)

    def _ahead_of_us(self, readings: Iterator[_Reading]) -> Iterator[_Reading]:
        """Return the same, while a server puts the next page together as we work on this one: one at a time.

        SQLite would work in our own process, and its thread and ours would wait for each other at every row.
        """
        if self._tx.get_bind().dialect.name == "sqlite":
            yield from readings
            return
        following = self._ahead.submit(next, readings, None)
        try:
            while (reading := following.result()) is not None:
                following = self._ahead.submit(next, readings, None)
                yield reading
        finally:
            wait([following])  # nobody else may ask over this connection before


def _with_names(readings: Iterator[_Reading]) -> Iterator[Part]:
    """Return the parts of the domains that are the same in all ``readings``."""
    reading = next(readings)
    rest, known = iter(reading.domains), {number for number, _ in reading.domains}
    number, domain = next(rest)
    begun = False
    held: dict[bytes, bytes] = {}  # held back, so that the last part of a domain is marked as such
    for page in chain([reading.page], (each.page for each in readings)):
        for owner, rows in groupby(page.rows, itemgetter(0)):
            if owner not in known:  # rows that no service writes
                continue
            while number != owner:
                yield Part(domain, held, is_first=not begun, is_last=True)
                (number, domain), begun, held = next(rest), False, {}
            if held:
                yield Part(domain, held, is_first=not begun, is_last=False)
                begun = True
            held = fields(list(rows), domain.name, page.mailboxes)
    yield Part(domain, held, is_first=not begun, is_last=True)
    for _, empty in rest:
        yield Part(empty, {}, is_first=True, is_last=True)


def _bodies(account: int, bearers: list[tuple[str, Address]]) -> dict[bytes, bytes]:
    found = people(account, dict(bearers))
    return {key.encode(): name_body(name, found.name).encode() for key, name in found.names.items()}


def _domains(after: int, count: int) -> Select[int, str]:
    query = select(DomainRow.id, DomainRow.name).where(DomainRow.id > after, DomainRow.verified_at.is_not(None))
    return query.order_by(DomainRow.id).limit(count)
