"""The api bench: creating aliases with eight clients at once or a thousand with a call, and a page of a long list.

The server is ``byname api``, a process of its own, without a cache: no answer waits for one. Each client keeps its
connection, and creates with an idempotency key each time, as a careful program does. ``cpu`` is what the API's process
takes for each, ``database_cpu`` what PostgreSQL takes. ``bulk`` is ``aliases:bulk``, one client, fifty aliases for each
of twenty mailboxes in a call. The list is that of 10,000 mailboxes, asked by one client: pages anywhere in it, and a
search that goes through all of it. A spread is that between five rounds, or between the fifths of the series.
"""

import random
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from sqlalchemy import insert, select, text

from bench.load.api_client import ApiClient
from bench.load.cpu import Stopwatch
from bench.load.site import BenchSite, Store, process_of
from bench.report.figures import Figure, Goal, Scale, median_of, milliseconds
from store.services import accounts, domains, tokens
from store.services.scopes import ACCOUNT
from store.sql.database import Database
from store.sql.tables import AddressRow, MailboxRow

_STORES: tuple[Store, ...] = ("sqlite", "postgresql")
_CLIENTS, _ROUNDS = 8, 5
_CALLS = 15  # in bulk, of which the first finds nothing prepared
_PER_PAGE = 25
_OF_A_MAILBOX = 50  # aliases that one mailbox gets in a bulk call
_GOALS: dict[Store, Goal] = {"sqlite": Goal(500, at_least=True), "postgresql": Goal(1000, at_least=True)}
_BULK = Goal(10_000, at_least=True)
_PREFIXES = ("bn_ops_", "bn_msg_", "bn_opr_")


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the clients act for."""

    secret: str
    domain: int
    mailboxes: Sequence[int]


def measure(scale: Scale) -> list[Figure]:
    """Return creates a second and milliseconds for each store."""
    figures: list[Figure] = []
    for store in _STORES[:1] if scale.short else _STORES:
        with BenchSite(store) as site:
            embedded = site.without_cache()
            account = _account(site.database, scale.of(short=100, usual=10_000))
            database = site.database_process()
            parts = {} if database is None else {"database": database}
            cpu = Stopwatch({"api": process_of(embedded.start_api())} | parts)
            figures += _creates(embedded.api, store, account, scale.of(short=1, usual=50), cpu)
            figures += _bulk(embedded.api, store, account, scale.of(short=50, usual=1000), cpu)
            figures += _pages(embedded.api, store, account, scale.of(short=5, usual=300))
    return figures


def _creates(place: tuple[str, int], store: Store, account: _Account, each: int, cpu: Stopwatch) -> Iterator[Figure]:
    rounds, seconds = list[float](), list[float]()
    cpu_us: dict[str, list[float]] = {}
    with ThreadPoolExecutor(_CLIENTS) as pool:
        for round_ in range(_ROUNDS):
            indexes = range(round_ * each, (round_ + 1) * each)
            cpu.restart()
            begun = time.perf_counter()
            series = list(pool.map(partial(_create, place, account, indexes), range(_CLIENTS)))
            rounds.append(_CLIENTS * each / (time.perf_counter() - begun))
            for part, took in cpu.seconds().items():
                cpu_us.setdefault(part, []).append(1e6 * took / (_CLIENTS * each))
            seconds += [one for client in series for one in client]
    yield median_of(f"api.{store}_creates_per_s", "1/s", rounds, _GOALS[store])
    yield median_of(f"api.{store}_create_cpu_us", "us", cpu_us.pop("api"))
    for part, taken in cpu_us.items():
        yield median_of(f"api.{store}_create_{part}_cpu_us", "us", taken)
    yield from _times(f"api.{store}_create", seconds)


def _create(place: tuple[str, int], account: _Account, indexes: range, number: int) -> list[float]:
    with closing(ApiClient(place, account.secret)) as client:
        for index in indexes:
            mailbox = account.mailboxes[(number + index * _CLIENTS) % len(account.mailboxes)]
            body = {"local_part": f"name-{number}-{index}", "domain_id": account.domain}
            client.ask("POST", f"/mailboxes/{mailbox}/aliases", body, **{"Idempotency-Key": str(uuid.uuid4())})
        return client.seconds


def _bulk(place: tuple[str, int], store: Store, account: _Account, size: int, cpu: Stopwatch) -> Iterator[Figure]:
    rounds, cpu_us = list[float](), list[float]()
    with closing(ApiClient(place, account.secret)) as client:
        for round_ in range(_CALLS):
            items = [
                {
                    "op": "create",
                    "mailbox_id": account.mailboxes[(round_ * size + index) // _OF_A_MAILBOX],
                    "domain_id": account.domain,
                    "local_part": f"bulk-{round_}-{index}",
                }
                for index in range(size)
            ]
            cpu.restart()
            client.ask("POST", "/aliases:bulk", {"items": items}, **{"Idempotency-Key": str(uuid.uuid4())})
            rounds.append(size / client.seconds[-1])
            cpu_us.append(1e6 * cpu.seconds()["api"] / size)
    yield median_of(f"api.{store}_bulk_items_per_s", "1/s", rounds, _BULK)
    yield median_of(f"api.{store}_bulk_item_cpu_us", "us", cpu_us)


def _pages(place: tuple[str, int], store: Store, account: _Account, count: int) -> Iterator[Figure]:
    pages = max(1, len(account.mailboxes) // _PER_PAGE)
    for name, query in (("page", "page={page}"), ("search", "search=-{page}7@")):
        with closing(ApiClient(place, account.secret)) as client:
            for _ in range(count):
                client.ask("GET", f"/mailboxes?per_page={_PER_PAGE}&{query.format(page=random.randint(1, pages))}")
            yield from _times(f"api.{store}_mailboxes_{name}", client.seconds)


def _times(name: str, seconds: Sequence[float]) -> Iterator[Figure]:
    for what, share in (("p50", 0.5), ("p99", 0.99)):
        yield milliseconds(f"{name}_{what}", share, seconds)


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
        tx.execute(text("ANALYZE"))  # as PostgreSQL does by itself within a minute
    return _Account(made.secret, domain, ids)
