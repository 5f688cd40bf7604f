"""A snapshot of all that decisions need, read from SQL in pages in one transaction, to load and check the cache."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from routing.address import Address
from routing.people import account_of, people
from routing.records import HostedDomain, Mailbox
from store.batches import batches
from store.sql.directory_query import STATEMENT, Found
from store.sql.directory_rows import records
from store.sql.outbox import Clock
from store.sql.people import all_people, count_people
from store.sql.snapshot_names import NO_PAGE, NamePage, NamePages, PageRange, Row, fields
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
        after, count, names = 0, _FEW_DOMAINS if gently else _DOMAINS, _FEW_NAMES if gently else _NAMES
        while page := self._tx.execute(_domains(after, count)).all():
            known = self._domains([row.name for row in page])
            yield from self._with_names([(row.id, known[row.name]) for row in page], names)
            after = page[-1].id
        yield from self._people(None, names)

    def domain(self, name: str) -> Iterator[Part]:
        """Return one domain, or the people of an account, in parts; nothing if it is not hosted, or there are none."""
        account = account_of(name)
        if account is not None:
            yield from self._people(account, _NAMES)
            return
        known = self._domains([name])
        hosted = select(DomainRow.id).where(DomainRow.name == name, DomainRow.verified_at.is_not(None))
        for number in self._tx.scalars(hosted):
            yield from self._with_names([(number, known[name])], _NAMES)

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

    def _with_names(self, domains: list[tuple[int, HostedDomain]], page: int) -> Iterator[Part]:
        """Return the parts of domains that come in the order of their ids, of at most ``page`` names."""
        rest, known = iter(domains), {number for number, _ in domains}
        number, domain = next(rest)
        begun = False
        held: dict[bytes, bytes] = {}  # held back, so that the last part of a domain is marked as such
        for owner, rows, mailboxes in self._names(domains[0][0], domains[-1][0], page):
            if owner not in known:  # rows that no service writes
                continue
            while number != owner:
                yield Part(domain, held, is_first=not begun, is_last=True)
                (number, domain), begun, held = next(rest), False, {}
            if held:
                yield Part(domain, held, is_first=not begun, is_last=False)
                begun = True
            held = fields(rows, domain.name, mailboxes)
        yield Part(domain, held, is_first=not begun, is_last=True)
        for _, empty in rest:
            yield Part(empty, {}, is_first=True, is_last=True)

    def _names(self, first: int, last: int, size: int) -> Iterator[tuple[int, list[Row], Mapping[int, Mailbox]]]:
        """Return the names of the domains with ids from ``first`` to ``last``, with the id, many at a time."""
        page = self._pages.read(PageRange(first, "", last, size))
        while page.rows:
            domain, local, *_ = page.rows[-1]
            following = (
                self._following(PageRange(domain, local, last, size)) if len(page.rows) == size else lambda: NO_PAGE
            )
            for owner, rows in groupby(page.rows, itemgetter(0)):
                yield owner, list(rows), page.mailboxes
            page = following()

    def _following(self, place: PageRange) -> Callable[[], NamePage]:
        """Return what returns the next page, which a server may put together while we work on this one.

        SQLite would work in our own process, and its thread and ours would wait for each other at every row.
        """
        if self._tx.get_bind().dialect.name == "sqlite":
            return lambda: self._pages.read(place)
        return self._ahead.submit(self._pages.read, place).result


def _bodies(account: int, bearers: list[tuple[str, Address]]) -> dict[bytes, bytes]:
    found = people(account, dict(bearers))
    return {key.encode(): name_body(name, found.name).encode() for key, name in found.names.items()}


def _domains(after: int, count: int) -> Select[int, str]:
    query = select(DomainRow.id, DomainRow.name).where(DomainRow.id > after, DomainRow.verified_at.is_not(None))
    return query.order_by(DomainRow.id).limit(count)
