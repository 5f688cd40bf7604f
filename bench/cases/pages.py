"""The pages bench: the dashboard over 10,000 mailboxes with 100 aliases each, all of one account.

The server is ``byname api``, a process of its own over SQLite, without a cache. One reader asks each page on a
connection that it keeps, a different page of the list or another mailbox each time, in turns with ``/healthz``, which
does nothing: the ratio says what the page costs beside an answer as such, whatever the machine. A search goes through
all mailboxes. Operators' pages are asked beside a thousand more accounts, and
all mailboxes without the bounds of one account. What a page weighs, and how many requests a
browser makes that has kept nothing, is what Debian's Chromium did; nothing is compressed.
"""

import os
import random
import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import func, insert, select, text

from bench.load.browsing import Cold, Reader, chromium
from bench.load.filling import fill
from bench.load.site import BenchSite
from bench.report.figures import Figure, Goal, Scale, milliseconds
from store.passwords import PasswordHash, generate_password, hash_password
from store.services import admins
from store.sql.database import Database
from store.sql.tables import AccountRow, MailboxRow

_PAIRS = 50  # of domains
_ADMIN, _OPERATOR = "admin@bench.example", "operator@bench.example"
_LIST, _SEARCH = Goal(50), Goal(100)  # ms, in which 95 of 100 are answered
_PER_PAGE = 50  # of the pages of a list
_REQUESTS = Goal(4)
_BESIDE = Goal(100_000)  # bytes


@dataclass(frozen=True, slots=True)
class _World:
    """What the pages are about."""

    mailboxes: int
    accounts: int

    def choose(self) -> dict[str, int]:
        """Return what the address of a page may name, other things each time."""
        return {
            "mailbox": random.randint(1, self.mailboxes),
            "page": random.randint(1, -(-self.mailboxes // _PER_PAGE)),
            "accounts": random.randint(1, -(-self.accounts // _PER_PAGE)),
            "number": random.randint(10, 99),
        }


@dataclass(frozen=True, slots=True)
class _Page:
    """One page: who asks for it, where it is, and what it should keep."""

    name: str
    who: str
    path: str  # with the names of :meth:`_World.choose`
    goal: Goal | None = None

    def somewhere(self, world: _World) -> str:
        """Return the address of such a page."""
        return self.path.format(**world.choose())


PAGES = (
    _Page("mailboxes", _ADMIN, "/mailboxes?page={page}", _LIST),
    _Page("mailboxes_search", _ADMIN, "/mailboxes?search=-{number}%40", _SEARCH),
    _Page("aliases", _ADMIN, "/mailboxes/{mailbox}/aliases", _LIST),
    _Page("account", _ADMIN, "/account"),
    _Page("people", _ADMIN, "/account/people", _LIST),
    _Page("tokens", _ADMIN, "/account/tokens", _LIST),
    _Page("operator", _OPERATOR, "/operator", _LIST),
    _Page("accounts", _OPERATOR, "/operator/accounts?page={accounts}", _LIST),
    _Page("accounts_search", _OPERATOR, "/operator/accounts?search=-0{number}", _SEARCH),
    _Page("one_account", _OPERATOR, "/operator/accounts/1"),
    _Page("operators_mailboxes", _OPERATOR, "/mailboxes?page={page}", _LIST),
)


def measure(scale: Scale) -> list[Figure]:
    """Return the time, the ratio, the weight and the requests of each page."""
    password = generate_password()
    with BenchSite("sqlite") as site:
        embedded = site.without_cache()
        aliases = scale.of(short=_PAIRS * 20, usual=1_000_000)
        fill(embedded.database, aliases, aliases // _PAIRS, aliases // _PAIRS // 100 or 2)
        world = _rest(embedded.database, password, scale.of(short=30, usual=1000))
        os.sync()  # else what was filled in would be written while pages are made
        embedded.start_api()
        readers = {who: _signed_in(embedded.api, who, password) for who in (_ADMIN, _OPERATOR)}
        count = scale.of(short=2, usual=200)
        timed = [figure for page in PAGES for figure in _times(page, readers[page.who], world, count)]
        with ThreadPoolExecutor(1) as thread:  # of its own: Playwright keeps one for itself
            seen = thread.submit(lambda: list(_cold(embedded.api, readers, world))).result()
        for reader in readers.values():
            reader.close()
        return [*timed, *seen]


def _signed_in(place: tuple[str, int], who: str, password: str) -> Reader:
    reader = Reader(place)
    reader.sign_in(who, password)
    return reader


def _times(page: _Page, reader: Reader, world: _World, count: int) -> Iterator[Figure]:
    reader.close()
    reader.get(page.somewhere(world))  # the first of its kind puts statements together
    both = [(reader.get(page.somewhere(world))[0], reader.get("/healthz")[0]) for _ in range(count)]
    seconds, idle = [one for one, _ in both], [other for _, other in both]
    yield milliseconds(f"pages.{page.name}_p50", 0.5, seconds)
    yield milliseconds(f"pages.{page.name}_p95", 0.95, seconds, page.goal)
    ratio = statistics.median(seconds) / statistics.median(idle)
    yield Figure(f"pages.{page.name}_over_healthz", ratio, "x")


def _cold(place: tuple[str, int], readers: dict[str, Reader], world: _World) -> Iterator[Figure]:
    found = dict[str, Cold]()
    for who, reader in readers.items():
        with chromium(place, reader) as browser:
            found |= {page.name: browser.cold(page.somewhere(world)) for page in PAGES if page.who == who}
    for page in PAGES:
        yield Figure(f"pages.{page.name}_bytes", found[page.name].page, "B")
    yield Figure("pages.style_script_icon_bytes", max(one.beside for one in found.values()), "B", _BESIDE)
    yield Figure("pages.cold_requests", max(one.requests for one in found.values()), "", _REQUESTS)


def _rest(database: Database, password: str, accounts: int) -> _World:
    """Make the people who look, and more accounts."""
    known = PasswordHash(hash_password(password))
    with database.write() as tx:
        admins.create(tx, _ADMIN, known, account="bench")
        admins.create(tx, _OPERATOR, known)
        tx.execute(insert(AccountRow), [{"name": f"customer-{one:04}", "plan": "pro"} for one in range(accounts)])
        mailboxes = tx.scalar(select(func.count()).select_from(MailboxRow)) or 0
        tx.execute(text("ANALYZE"))
    return _World(mailboxes, accounts)
