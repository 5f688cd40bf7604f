"""The propagation bench: from the commit of a change to another verdict of the milter, and to the word ``live``.

Each change adds an alias or takes it away again, in one transaction of the services, and then wakes the relay and
waits for it, as the API and the command line do. Meanwhile the milter, a process of its own, is asked for that name
over its socket, once a millisecond, until its verdict is the other one. So a figure is too high by up to that
millisecond and one question.

Idle: nothing else happens. Loaded: four connections ask the same milter without pause, and another process makes
twenty changes a second; with the processes of the site that is more than two cores can do at once.
"""

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from bench.changing import changing
from bench.figures import Figure, Goal, Scale
from bench.filling import fill
from bench.load import Load, asking
from bench.milter_client import MilterClient, opened
from bench.percentiles import percentile
from bench.site import BenchSite, Store
from store.cache.propagation import Waiter
from store.services import accounts, aliases, domains, mailboxes
from store.sql import outbox
from store.sql.database import Database

_STORES: tuple[Store, ...] = ("sqlite", "postgresql")
_NAME, _MAILBOX = "fresh-{}@changed.test", "mary@changed.test"
_ALIASES = 10_000  # already there
_STEP = 0.001  # seconds between two questions
_REST = 0.03  # at most so many seconds between two changes
_LATE = 30.0  # seconds after which a change is lost
_CONNECTIONS, _CHANGES = 4, 20.0  # of the load
_GOALS = {("idle", "p99"): 100, ("loaded", "p99"): 1000}  # milliseconds


@dataclass(slots=True)
class _Series:
    """Seconds from each commit to the verdict, and to "live"."""

    verdict: list[float] = field(default_factory=list)
    live: list[float] = field(default_factory=list)


def measure(scale: Scale) -> list[Figure]:
    """Return percentiles in milliseconds for each store, idle and loaded."""
    count = scale.of(short=10, usual=1000)
    figures = []
    for store in _STORES[:1] if scale.short else _STORES:
        with BenchSite(store) as site:
            _prepare(site, scale.of(short=1000, usual=_ALIASES))
            figures += _figures(f"propagation.{store}_idle", "idle", _series(site, count))
            with _loaded(site) as load:
                figures += _figures(f"propagation.{store}_loaded", "loaded", _series(site, count))
            figures.append(Figure(f"propagation.{store}_loaded_asked_per_s", load.per_second, "1/s"))
    return figures


def _figures(name: str, state: str, series: _Series) -> list[Figure]:
    def figure(what: str, share: float, values: list[float], goal: float | None = None) -> Figure:
        value = 1000 * percentile(values, share)
        return Figure(f"{name}_{what}_ms", value, "ms", Goal(goal) if goal else None)

    return [
        figure("p50", 0.5, series.verdict),
        figure("p99", 0.99, series.verdict, _GOALS[state, "p99"]),
        figure("max", 1.0, series.verdict),
        figure("live_p50", 0.5, series.live),
        figure("live_p99", 0.99, series.live),
    ]


def _prepare(site: BenchSite, already: int) -> None:
    fill(site.database, already)
    with site.database.write() as tx:
        accounts.create(tx, "changed", "agency")
        domains.add(tx, "changed.test", account="changed", verified=True)
        mailboxes.add(tx, _MAILBOX, "bench password")
    site.start_relay()
    site.start_milter()


@contextmanager
def _loaded(site: BenchSite) -> Iterator[Load]:
    with (
        asking(site.milter, 500, connections=_CONNECTIONS) as load,
        changing(site.url, site.redis.url, per_second=_CHANGES),
    ):
        yield load


def _series(site: BenchSite, count: int) -> _Series:
    series = _Series()
    with (
        opened(site.milter) as mta,
        closing(Waiter(site.database, site.redis.url)) as waiter,
        ThreadPoolExecutor(1) as pool,
    ):
        for number in range(count):
            _one(site.database, mta, waiter, pool, number, series)
            time.sleep(random.uniform(0, _REST))
    return series


def _one(
    database: Database, mta: MilterClient, waiter: Waiter, pool: ThreadPoolExecutor, number: int, series: _Series
) -> None:
    name, adds = _NAME.format(number // 2), number % 2 == 0
    before, after = (550, 250) if adds else (250, 550)
    mta.abort()
    mta.mail("ann@outside.example")
    _expect(mta, name, before)
    with database.write() as tx:
        if adds:
            aliases.add(tx, name, _MAILBOX)
        else:
            aliases.remove(tx, name)
    committed = time.monotonic()
    live: Future[float] = pool.submit(_live_at, waiter, outbox.version_of(tx))
    while mta.rcpt(name).code != after:
        if time.monotonic() - committed > _LATE:
            raise RuntimeError(f"the milter still answers {before} for {name}")
        time.sleep(_STEP)
    series.verdict.append(time.monotonic() - committed)
    series.live.append(live.result() - committed)


def _expect(mta: MilterClient, name: str, code: int) -> None:
    if (answer := mta.rcpt(name)).code != code:
        raise RuntimeError(f"the milter answers {answer} for {name}, not {code}")


def _live_at(waiter: Waiter, version: int | None) -> float:
    if waiter.wait_until_live(version, _LATE) != "live":
        raise RuntimeError("the change is not live")
    return time.monotonic()
