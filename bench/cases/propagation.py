"""The propagation bench: from a change to another verdict of the milter, and to the word ``live``.

Each change adds an alias or takes it away again. Meanwhile the milter, a process of its own, is asked for that name
over its socket, once a millisecond, until its verdict is the other one; so a figure is too high by up to that
millisecond and one question.

Idle: nothing else happens; the change is one transaction of the services, and the clock starts at its commit. Api: the
same through ``byname api``, as people and programs make their changes; an alias is made, disabled, enabled and deleted,
and the clock starts when the request is sent. Loaded: as idle, but four connections ask the same milter without pause,
and another process makes twenty changes a second; with the processes of the site that is more than two cores can do at
once.

``propagation.p99_ms`` is the one for PostgreSQL, idle. A spread is that between the fifths of a series.
"""

import random
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from bench.cases.propagation_changes import ACCOUNT_NAME, DOMAIN, LATE, MAILBOX, Changing, by_api, by_services
from bench.load.changing import changing
from bench.load.filling import fill
from bench.load.milter_client import MilterClient, opened
from bench.load.recipient_load import Load, asking
from bench.load.site import BenchSite, Store
from bench.report.figures import Figure, Goal, Scale, milliseconds
from store.services import accounts, domains, mailboxes

_STORES: tuple[Store, ...] = ("sqlite", "postgresql")
_ALIASES = 10_000  # already there
_STEP = 0.001  # seconds between two questions
_REST = 0.03  # at most so many seconds between two changes
_CONNECTIONS, _CHANGES = 4, 20.0  # of the load
_NAMED, _GOAL = "propagation.postgresql_idle_p99_ms", Goal(20)  # also told as propagation.p99_ms, with the goal


@dataclass(slots=True)
class _Series:
    """Seconds from each change to the verdict, and to "live"."""

    verdict: list[float] = field(default_factory=list)
    live: list[float] = field(default_factory=list)


def measure(scale: Scale) -> list[Figure]:
    """Return percentiles in milliseconds for each store, idle, through the API, and loaded."""
    count, through_api = scale.of(short=10, usual=1000), scale.of(short=8, usual=400)
    figures: list[Figure] = []
    for store in _STORES[:1] if scale.short else _STORES:
        with BenchSite(store) as site:
            _prepare(site, scale.of(short=1000, usual=_ALIASES))
            figures += _figures(f"propagation.{store}_idle", _series(site, by_services(site), count))
            figures += _figures(f"propagation.{store}_api", _series(site, by_api(site), through_api))
            with _loaded(site) as load:
                figures += _figures(f"propagation.{store}_loaded", _series(site, by_services(site), count))
            figures.append(Figure(f"propagation.{store}_loaded_asked_per_s", load.per_second, "1/s"))
    return [*_headline(figures), *figures]


def _headline(figures: list[Figure]) -> list[Figure]:
    found = [figure for figure in figures if figure.name == _NAMED]
    return [Figure("propagation.p99_ms", one.value, one.unit, _GOAL, one.spread) for one in found]


def _figures(name: str, series: _Series) -> list[Figure]:
    return [
        milliseconds(f"{name}_p50", 0.5, series.verdict),
        milliseconds(f"{name}_p99", 0.99, series.verdict),
        milliseconds(f"{name}_max", 1.0, series.verdict),
        milliseconds(f"{name}_live_p50", 0.5, series.live),
        milliseconds(f"{name}_live_p99", 0.99, series.live),
    ]


def _prepare(site: BenchSite, already: int) -> None:
    fill(site.database, already)
    with site.database.write() as tx:
        accounts.create(tx, ACCOUNT_NAME, "agency")
        domains.add(tx, DOMAIN, account=ACCOUNT_NAME, verified=True)
        mailboxes.add(tx, MAILBOX, "bench password")
    site.start_relay()
    site.start_milter()


@contextmanager
def _loaded(site: BenchSite) -> Iterator[Load]:
    with (
        asking(site.milter, 500, connections=_CONNECTIONS) as load,
        changing(site.url, site.redis.url, per_second=_CHANGES),
    ):
        yield load


def _series(site: BenchSite, changes: AbstractContextManager[Changing], count: int) -> _Series:
    series = _Series()
    with opened(site.milter) as mta, changes as way:
        for number in range(count):
            _one(mta, way, number, series)
            time.sleep(random.uniform(0, _REST))
    return series


def _one(mta: MilterClient, way: Changing, number: int, series: _Series) -> None:
    name, before, after = way.name(number), *((250, 550) if number % 2 else (550, 250))
    mta.abort()
    mta.mail("ann@outside.example")
    if (answer := mta.rcpt(name)).code != before:
        raise RuntimeError(f"the milter answers {answer} for {name}, not {before}")
    begun, live = way.change(number)
    while mta.rcpt(name).code != after:
        if time.monotonic() - begun > LATE:
            raise RuntimeError(f"the milter still answers {before} for {name}")
        time.sleep(_STEP)
    series.verdict.append(time.monotonic() - begun)
    series.live.append(live.result() - begun)
