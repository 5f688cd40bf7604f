"""The api bench: creating aliases with eight clients at once, and a page of a long list, over HTTP.

The server is ``byname api``, a process of its own, without a cache: no answer waits for one. Each client keeps its
connection, and creates with an idempotency key each time, as a careful program does. The list is that of 10,000
mailboxes, asked by one client: pages anywhere in it, and a search that goes through all of it.
"""

import http.client
import json
import random
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import insert, select

from bench.figures import Figure, Scale
from bench.percentiles import percentile
from bench.site import BenchSite, Store
from store.services import accounts, domains, tokens
from store.services.scopes import ACCOUNT
from store.sql.database import Database
from store.sql.tables import AddressRow, MailboxRow

_STORES: tuple[Store, ...] = ("sqlite", "postgresql")
_CLIENTS = 8
_PER_PAGE = 25
_PREFIXES = ("bn_ops_", "bn_msg_", "bn_opr_")


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the clients act for."""

    secret: str
    domain: int
    mailboxes: Sequence[int]


class _Client:
    """One connection that is kept."""

    def __init__(self, place: tuple[str, int], secret: str) -> None:
        self._connection = http.client.HTTPConnection(*place, timeout=60)
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self.seconds: list[float] = []  # of each request

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> None:
        """Make a request and note how long it took. Raises RuntimeError when it was refused."""
        given = None if body is None else json.dumps(body)
        begun = time.perf_counter()
        self._connection.request(method, f"/api/v1{path}", given, self._headers | headers)
        answer = self._connection.getresponse()
        text = answer.read()
        self.seconds.append(time.perf_counter() - begun)
        if answer.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


def measure(scale: Scale) -> list[Figure]:
    """Return creates a second and milliseconds for each store."""
    figures: list[Figure] = []
    for store in _STORES[:1] if scale.short else _STORES:
        with BenchSite(store) as site:
            embedded = site.without_cache()
            account = _account(site.database, scale.of(short=100, usual=10_000))
            embedded.start_api()
            figures += _creates(embedded.api, store, account, scale.of(short=5, usual=250))
            figures += _pages(embedded.api, store, account, scale.of(short=5, usual=300))
    return figures


def _creates(place: tuple[str, int], store: Store, account: _Account, each: int) -> Iterator[Figure]:
    begun = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        series = list(pool.map(lambda number: _create(place, account, number, each), range(_CLIENTS)))
    took = time.perf_counter() - begun
    seconds = [one for client in series for one in client]
    yield Figure(f"api.{store}_creates_per_s", len(seconds) / took, "1/s")
    yield from _times(f"api.{store}_create", seconds)


def _create(place: tuple[str, int], account: _Account, number: int, count: int) -> list[float]:
    with closing(_Client(place, account.secret)) as client:
        for turn in range(count):
            mailbox = account.mailboxes[(number + turn * _CLIENTS) % len(account.mailboxes)]
            body = {"local_part": f"name-{number}-{turn}", "domain_id": account.domain}
            client.ask("POST", f"/mailboxes/{mailbox}/aliases", body, **{"Idempotency-Key": str(uuid.uuid4())})
        return client.seconds


def _pages(place: tuple[str, int], store: Store, account: _Account, count: int) -> Iterator[Figure]:
    pages = max(1, len(account.mailboxes) // _PER_PAGE)
    for name, query in (("page", "page={page}"), ("search", "search=-{page}7@")):
        with closing(_Client(place, account.secret)) as client:
            for _ in range(count):
                client.ask("GET", f"/mailboxes?per_page={_PER_PAGE}&{query.format(page=random.randint(1, pages))}")
            yield from _times(f"api.{store}_mailboxes_{name}", client.seconds)


def _times(name: str, seconds: Sequence[float]) -> Iterator[Figure]:
    for what, share in (("p50", 0.5), ("p99", 0.99)):
        yield Figure(f"{name}_{what}_ms", 1000 * percentile(seconds, share), "ms")


def _account(database: Database, mailboxes: int) -> _Account:
    """Make an account with that many mailboxes, past the services: hashing their passwords would take minutes."""
    with database.write() as tx:
        owner = accounts.create(tx, "bench", "agency")
        domain = domains.add(tx, "bench.test", account="bench", verified=True).id
        made = tokens.create(tx, name="bench", kind=ACCOUNT, account=owner.id, prefixes=_PREFIXES)
        rows = [{"domain_id": domain, "local_part": f"person-{one}", "kind": "mailbox"} for one in range(mailboxes)]
        tx.execute(insert(AddressRow), rows)
        ids = list(tx.scalars(select(AddressRow.id).order_by(AddressRow.id)))
        tx.execute(
            insert(MailboxRow),
            [{"id": one, "display_name": "", "password_hash": "!", "is_active": True} for one in ids],
        )
    return _Account(made.secret, domain, ids)
