"""The scale bench: the same questions over ten thousand aliases and over a hundred times as many, or a thousand.

Each size has a site of its own on SQLite. Redis is filled by a rebuild (its time, and the memory of each alias with its
target inside); then the milter is asked for names all over the store, paced, so that the times are not those of a queue
(p99 of RCPT, CPU time of the filter for each message), in turns with that of the smallest store; then it is asked all
the while Redis is rebuilt (the longest that a look-up waited). ``--full`` adds ten million aliases, and two domains of
a million beside 50,000 that are empty.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from bench.load.cpu import Stopwatch
from bench.load.filling import add_domains, fill
from bench.load.names import PER_PAIR
from bench.load.player import play
from bench.load.recipient_load import Load, asking
from bench.load.site import BenchSite, process_of
from bench.load.timing import seconds_of
from bench.report.figures import Figure, Goal, Scale, median_of
from byname.sandbox.processes import Daemon
from store.relay.tools import CacheTools

_SIZES = (10_000, 100_000, 1_000_000)
_FULL = 10_000_000
_SKEWED, _EMPTY = 2_000_000, 50_000  # aliases in two domains, and domains beside them
_RATE, _CONNECTIONS = 400.0, 10


@dataclass(frozen=True, slots=True)
class _Round:
    """What one round of questions gave."""

    cpu_us: float
    rcpt_p50_ms: float
    rcpt_p99_ms: float
    refused: int


@dataclass(frozen=True, slots=True)
class _Store:
    """A site with so many aliases that serves."""

    site: BenchSite
    relay: Daemon
    milter: int  # process id
    aliases: int
    per_pair: int
    rebuild_s: float
    bytes_per_alias: float

    def round(self, messages: int) -> _Round:
        """Ask at an easy pace."""
        watch = Stopwatch({"milter": self.milter})
        at, connections = self.site.milter, _CONNECTIONS
        played = play(at, self.aliases, messages, connections=connections, per_second=_RATE, per_pair=self.per_pair)
        cpu = 1e6 * watch.seconds()["milter"] / messages
        return _Round(cpu, played.rcpt_p50_ms, played.rcpt_p99_ms, played.refused)

    def rebuilt(self) -> Load:
        """Ask all the while Redis is rebuilt; it ends the relay."""
        self.relay.stop()
        with (
            closing(CacheTools(self.site.database, self.site.redis.url)) as tools,
            asking(self.site.milter, self.aliases, connections=2, pause=0.001, per_pair=self.per_pair) as again,
        ):
            seconds_of(tools.rebuild())
        return again


@dataclass(frozen=True, slots=True)
class _Found:
    """What one size gave, and the smallest in turns with it."""

    store: _Store
    rounds: Sequence[_Round]
    smallest: Sequence[_Round]
    again: Load


def measure(scale: Scale) -> list[Figure]:
    """Return figures by size, the memory for each alias of the largest, and what that costs beside the smallest."""
    first, *others = (500, 2000) if scale.short else (*_SIZES, _FULL) if scale.full else _SIZES
    messages, rounds = scale.of(50, 1600), scale.of(1, 5)
    with _store(first, messages) as smallest:
        found = {str(size): _beside(smallest, messages, rounds, size) for size in others}
        largest = found[str(others[-1])]
        if scale.full:
            found["skewed"] = _beside(smallest, messages, rounds, _SKEWED, per_pair=_SKEWED, empty=_EMPTY)
        small = _Found(smallest, largest.smallest, largest.smallest, smallest.rebuilt())
    figures = [figure for name, one in {str(first): small, **found}.items() for figure in _figures(name, one)]
    return [*figures, *_ratios(largest)]


def _beside(smallest: _Store, messages: int, rounds: int, aliases: int, **shape: int) -> _Found:
    """Measure another size in turns with the smallest."""
    with _store(aliases, messages, **shape) as store:
        both = [(store.round(messages), smallest.round(messages)) for _ in range(rounds)]
        return _Found(store, [one for one, _ in both], [one for _, one in both], store.rebuilt())


@contextmanager
def _store(aliases: int, messages: int, *, per_pair: int = PER_PAIR, empty: int = 1) -> Iterator[_Store]:
    with BenchSite("sqlite") as site:
        fill(site.database, aliases, per_pair)
        add_domains(site.database, empty)
        with closing(CacheTools(site.database, site.redis.url)) as tools:
            before = site.redis_bytes()
            took = seconds_of(tools.rebuild())
            memory = (site.redis_bytes() - before) / aliases
        milter = process_of(site.start_milter())
        store = _Store(site, site.start_relay(), milter, aliases, per_pair, took, memory)
        os.sync()  # else what was filled in would be written while the milter is measured
        play(site.milter, aliases, messages // 2, connections=_CONNECTIONS, per_pair=per_pair)
        yield store


def _figures(name: str, found: _Found) -> list[Figure]:
    goals = {"1000000": Goal(5)}
    refused = found.again.refused + sum(one.refused for one in found.rounds)
    return [
        Figure(f"scale.{name}_rebuild_s", found.store.rebuild_s, "s", goals.get(name)),
        Figure(f"scale.{name}_bytes_per_alias", found.store.bytes_per_alias, "B"),
        median_of(f"scale.{name}_cpu_us", "us", [one.cpu_us for one in found.rounds]),
        median_of(f"scale.{name}_rcpt_p50_ms", "ms", [one.rcpt_p50_ms for one in found.rounds]),
        median_of(f"scale.{name}_rcpt_p99_ms", "ms", [one.rcpt_p99_ms for one in found.rounds]),
        Figure(f"scale.{name}_stall_ms", found.again.max_ms, "ms", Goal(50)),
        Figure(f"scale.{name}_refused", refused, "", Goal(0)),
    ]


def _ratios(largest: _Found) -> list[Figure]:
    both = list(zip(largest.rounds, largest.smallest, strict=True))
    cpu, p99 = ([one.cpu_us / other.cpu_us for one, other in both], [a.rcpt_p99_ms / b.rcpt_p99_ms for a, b in both])
    return [
        Figure("scale.bytes_per_alias", largest.store.bytes_per_alias, "B", Goal(90)),
        median_of("scale.largest_over_smallest_cpu", "x", cpu, Goal(1.15)),
        median_of("scale.largest_over_smallest_p99", "x", p99, Goal(1.5)),
    ]
