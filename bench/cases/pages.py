"""The pages bench: the dashboard over 10,000 mailboxes with 100 aliases each, all of one account.

The server is ``byname api``, a process of its own over SQLite, without a cache. One reader asks each page on a
connection that it keeps, a different page of the list or another mailbox each time, in turns with ``/healthz``, which
does nothing: the ratio says what the page costs beside an answer as such, whatever the machine. A search goes through
all mailboxes. Operators' pages are asked beside a thousand more accounts. What a page weighs, and how many requests a
browser makes that has kept nothing, is what Debian's Chromium did; nothing is compressed.
"""

import os
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select

from bench.load.browsing import Cold, Reader, chromium
from bench.load.filling import fill
from bench.load.site import BenchSite
from bench.report.figures import Figure, Goal, Scale, milliseconds
from store.passwords import PasswordHash, generate_password, hash_password
from store.services import admins
from store.sql.database import Database
from store.sql.tables import AccountRow, AddressRow, DomainRow

_PAIRS = 50  # of domains
_ADMIN, _OPERATOR = "admin@bench.example", "operator@bench.example"
_LIST, _SEARCH = Goal(50), Goal(100)  # ms, in which 95 of 100 are answered
_REQUESTS = Goal(4)
_BESIDE = Goal(100_000)  # bytes


@dataclass(frozen=True, slots=True)
class _World:
    """What the pages are about."""

    mailboxes: int
    domains: Sequence[int]
    accounts: int

    @property
    def mailbox(self) -> int:
        """The id of one, another each time."""
        return random.randint(1, self.mailboxes)

    def page(self, of: int) -> int:
        """Return the number of some page of a list of ``of`` things, 50 on each."""
        return random.randint(1, max(1, of // 50))


@dataclass(frozen=True, slots=True)
class _Page:
    """One page: who asks for it, where it is, and what it should keep."""

    name: str
    who: str
    path: Callable[[_World], str]
    goal: Goal | None = None


PAGES = (
    _Page("mailboxes", _ADMIN, lambda world: f"/mailboxes?page={world.page(world.mailboxes)}", _LIST),
    _Page("mailboxes_search", _ADMIN, lambda world: f"/mailboxes?search=-{random.randint(1, 199)}%40", _SEARCH),
    _Page("aliases", _ADMIN, lambda world: f"/mailboxes/{world.mailbox}/aliases", _LIST),
    _Page("account", _ADMIN, lambda world: "/account"),
    _Page("people", _ADMIN, lambda world: "/account/people", _LIST),
    _Page("tokens", _ADMIN, lambda world: "/account/tokens", _LIST),
    _Page("operator", _OPERATOR, lambda world: "/operator", _LIST),
    _Page("accounts", _OPERATOR, lambda world: f"/operator/accounts?page={world.page(world.accounts)}", _LIST),
    _Page("accounts_search", _OPERATOR, lambda world: f"/operator/accounts?search={world.page(world.accounts)}", _SEARCH),
    _Page("one_account", _OPERATOR, lambda world: "/operator/accounts/1"),
    _Page("operators_mailboxes", _OPERATOR, lambda world: f"/mailboxes?page={world.page(world.mailboxes)}", _LIST),
)  # fmt: skip


def measure(scale: Scale) -> list[Figure]:
    """Return the time, the ratio, the weight and the requests of each page."""
    password = generate_password()
    with BenchSite("sqlite") as site:
        embedded = site.without_cache()
        aliases = scale.of(short=_PAIRS * 20, usual=1_000_000)
        fill(embedded.database, aliases, aliases // _PAIRS, aliases // _PAIRS // 100 or 2)
        world = _rest(embedded.database, password, scale.of(short=60, usual=1000))
        os.sync()  # else what was filled in would be written while pages are made
        embedded.start_api()
        readers = {who: _signed_in(embedded.api, who, password) for who in (_ADMIN, _OPERATOR)}
        count = scale.of(short=5, usual=200)
        timed = [figure for page in PAGES for figure in _times(page, readers[page.who], world, count)]
        seen = list(_cold(embedded.api, readers, world))
        for reader in readers.values():
            reader.close()
        return [*timed, *seen]


def _signed_in(place: tuple[str, int], who: str, password: str) -> Reader:
    reader = Reader(place)
    reader.sign_in(who, password)
    return reader


def _times(page: _Page, reader: Reader, world: _World, count: int) -> Iterator[Figure]:
    reader.get(page.path(world))  # the first of its kind puts statements together
    both = [(reader.get(page.path(world))[0], reader.get("/healthz")[0]) for _ in range(count)]
    seconds, idle = [one for one, _ in both], [other for _, other in both]
    yield milliseconds(f"pages.{page.name}_p50", 0.5, seconds)
    yield milliseconds(f"pages.{page.name}_p95", 0.95, seconds, page.goal)
    ratio = statistics.median(seconds) / statistics.median(idle)
    yield Figure(f"pages.{page.name}_over_healthz", ratio, "x")


def _cold(place: tuple[str, int], readers: dict[str, Reader], world: _World) -> Iterator[Figure]:
    url, found = f"http://{place[0]}:{place[1]}", dict[str, Cold]()
    for who, reader in readers.items():
        with chromium(url, reader.cookies["byname"]) as browser:
            found |= {page.name: browser.cold(page.path(world)) for page in PAGES if page.who == who}
    for page in PAGES:
        yield Figure(f"pages.{page.name}_bytes", found[page.name].page, "B")
    yield Figure("pages.style_script_icon_bytes", max(one.beside for one in found.values()), "B", _BESIDE)
    yield Figure("pages.cold_requests", max(one.requests for one in found.values()), "", _REQUESTS)


def _rest(database: Database, password: str, accounts: int) -> _World:
    """Make the people who look, and more accounts with a domain each."""
    known = PasswordHash(hash_password(password))
    with database.write() as tx:
        admins.create(tx, _ADMIN, known, account="bench")
        admins.create(tx, _OPERATOR, known)
        tx.execute(insert(AccountRow), [{"name": f"customer-{one:04}", "plan": "pro"} for one in range(accounts)])
        mailboxes = tx.scalars(select(AddressRow.id).where(AddressRow.kind == "mailbox")).all()
        domains = tx.scalars(select(DomainRow.id)).all()
    return _World(len(mailboxes), domains, accounts)
