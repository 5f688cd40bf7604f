"""The mta bench: what a message costs a mail server that asks Byname, beside one that has other ways to know its names.

A private Postfix for each way takes messages from smtp-source(1), of 4 kB, each in an SMTP session of its own and to
another of 100,000 aliases, and throws them away. The ways take turns, so that whatever else the machine does meets them
all; a figure is the median of the rounds, its spread the distance of the farthest. CPU time is that of all processes of
a way: Postfix, the filter, ``byname maps``, Redis, PostgreSQL; not smtp-source's.

All sockets are unix ones. Over loopback the steps of a milter wait for TCP's delayed acknowledgements: a fifth of the
messages a second (about 90 for 400, measured on a busy machine), with every filter alike, for the same CPU time.

- ``none``: no names at all; every recipient in the domain is taken. What Postfix itself costs.
- ``lmdb``, ``sqlite``, ``pgsql``: Postfix's own maps (``bench.cases.native_maps``).
- ``c``: a filter in C over Byname's Redis (``bench/c_filter``), hosted domains from lmdb.
- ``redis``, ``sql``: Byname as README.md sets it up, milter and ``byname maps``, over Redis or over SQLite alone.
- ``redis_lmdb``: Byname over Redis, and Postfix reads hosted domains from the lmdb file that ``byname maps`` keeps
  (``[maps] export``).
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.cases.bench_postfix import BenchPostfix
from bench.cases.mta_ways import RECIPIENT, Way, ways
from bench.load.cpu import Stopwatch
from bench.report.figures import Figure, Goal, Scale, median_of
from byname.sandbox.errors import SandboxError

_ALIASES = 100_000
_WAYS = ("none", "lmdb", "sqlite", "pgsql", "c", "redis_lmdb", "redis", "sql")
_WAYS_OF_SHORT = ("sqlite", "redis")
_RATIOS: Mapping[tuple[str, str], Goal | None] = {
    ("redis", "lmdb"): Goal(1.40),
    ("redis", "sqlite"): Goal(1.05),
    ("redis", "pgsql"): Goal(0.85),
    ("redis", "c"): None,
    ("redis_lmdb", "redis"): None,
    ("redis_lmdb", "lmdb"): Goal(1.55),
    ("redis_lmdb", "sqlite"): Goal(1.15),
    ("redis_lmdb", "pgsql"): None,
    ("redis_lmdb", "c"): Goal(1.05),
    ("sql", "lmdb"): None,
    ("sql", "sqlite"): None,
    ("c", "lmdb"): None,
    ("none", "lmdb"): None,
}


@dataclass(frozen=True, slots=True)
class _Round:
    """One round of one way."""

    per_second: float
    cpu_us: Mapping[str, float]  # for each message, by part

    @property
    def total(self) -> float:
        """All parts."""
        return sum(self.cpu_us.values())


def measure(scale: Scale) -> list[Figure]:
    """Return CPU microseconds for each message by way and part, messages a second, and ratios."""
    messages, rounds = scale.of(40, 1500, 5000), scale.of(1, 5, 7)
    names = _WAYS_OF_SHORT if scale.short else _WAYS
    with ways(names, scale.of(500, _ALIASES)) as known:
        for way in () if scale.short else known:
            _round(way, messages // 5)  # warm
        found: dict[str, list[_Round]] = {way.name: [] for way in known}
        for _ in range(rounds):
            for way in known:
                found[way.name].append(_round(way, messages))
    figures = [figure for name, taken in found.items() for figure in _of_way(name, taken)]
    return [*figures, *_ratios(found)]


def _round(way: Way, messages: int) -> _Round:
    watch, begun = Stopwatch(way.parts), time.monotonic()
    way.postfix.take(messages, RECIPIENT)
    took = time.monotonic() - begun
    _must_be_there(way.postfix)
    return _Round(messages / took, {part: 1e6 * seconds / messages for part, seconds in watch.seconds().items()})


def _must_be_there(postfix: BenchPostfix) -> None:
    """A master that died would seem to take no time at all."""
    if postfix.master() is None:
        raise SandboxError("a Postfix ended by itself")


def _of_way(name: str, rounds: Sequence[_Round]) -> list[Figure]:
    totals, rates = [one.total for one in rounds], [one.per_second for one in rounds]
    parts = {part: statistics.median(one.cpu_us[part] for one in rounds) for part in rounds[0].cpu_us}
    return [
        median_of(f"mta.{name}_cpu_us", "us", totals),
        *(Figure(f"mta.{name}_cpu_{part}_us", value, "us") for part, value in parts.items() if len(parts) > 1),
        median_of(f"mta.{name}_messages_per_s", "1/s", rates),
    ]


def _ratios(found: Mapping[str, Sequence[_Round]]) -> list[Figure]:
    figures = []
    for (ours, theirs), goal in _RATIOS.items():
        if not {ours, theirs} <= found.keys():
            continue
        ratios = [a.total / b.total for a, b in zip(found[ours], found[theirs], strict=True)]
        figures.append(median_of(f"mta.{ours}_over_{theirs}", "x", ratios, goal))
    return figures
