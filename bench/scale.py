"""The scale bench: the same questions over ten thousand aliases and over a hundred times as many, or a thousand.

Each size has a site of its own on SQLite. Redis is filled by a rebuild (its time, and the memory of each alias with its
target inside); then the milter is asked for names all over the store, paced, so that the times are not those of a queue
(p99 of RCPT, CPU time of the filter for each message); then it is asked all the while Redis is rebuilt (the longest
that a look-up waited). ``--full`` adds ten million aliases, and two domains of a million beside 50,000 that are empty.
"""

import os
from contextlib import closing
from dataclasses import dataclass

from bench.cpu import Stopwatch
from bench.figures import Figure, Goal, Scale
from bench.filling import add_domains, fill
from bench.load import Load, asking
from bench.names import PER_PAIR
from bench.player import Played, play
from bench.site import BenchSite, process_of
from bench.timing import seconds_of
from store.cache.tools import CacheTools

_SIZES = (10_000, 100_000, 1_000_000)
_FULL = 10_000_000
_SKEWED, _EMPTY = 2_000_000, 50_000  # aliases in two domains, and domains beside them
_RATE, _CONNECTIONS = 400.0, 10


@dataclass(frozen=True, slots=True)
class _Found:
    """What one size gave."""

    rebuild_s: float
    bytes_per_alias: float
    cpu_us: float
    played: Played
    again: Load


def measure(scale: Scale) -> list[Figure]:
    """Return figures by size, the memory for each alias of the largest, and what that costs beside the smallest."""
    sizes = (500, 2000) if scale.short else (*_SIZES, _FULL) if scale.full else _SIZES
    messages = scale.of(50, 4000)
    found = {str(size): _at(size, messages) for size in sizes}
    if scale.full:
        found["skewed"] = _at(_SKEWED, messages, per_pair=_SKEWED, empty=_EMPTY)
    figures = [figure for name, one in found.items() for figure in _figures(name, one)]
    return [*figures, *_ratios(found[str(sizes[-1])], found[str(sizes[0])])]


def _at(size: int, messages: int, *, per_pair: int = PER_PAIR, empty: int = 1) -> _Found:
    with BenchSite("sqlite") as site:
        fill(site.database, size, per_pair)
        add_domains(site.database, empty)
        with closing(CacheTools(site.database, site.redis.url)) as tools:
            before = site.redis_bytes()
            took = seconds_of(tools.rebuild())
            memory = site.redis_bytes() - before
            milter = process_of(site.start_milter())
            relay = site.start_relay()
            os.sync()  # else what was filled in would be written while the milter is measured
            play(site.milter, size, messages // 5, connections=_CONNECTIONS, per_pair=per_pair)
            watch = Stopwatch({"milter": milter})
            played = play(site.milter, size, messages, connections=_CONNECTIONS, per_second=_RATE, per_pair=per_pair)
            cpu = 1e6 * watch.seconds()["milter"] / messages
            relay.stop()
            with asking(site.milter, size, connections=2, pause=0.001, per_pair=per_pair) as again:
                seconds_of(tools.rebuild())
    return _Found(took, memory / size, cpu, played, again)


def _figures(name: str, found: _Found) -> list[Figure]:
    goals = {"1000000": Goal(5)}
    return [
        Figure(f"scale.{name}_rebuild_s", found.rebuild_s, "s", goals.get(name)),
        Figure(f"scale.{name}_bytes_per_alias", found.bytes_per_alias, "B"),
        Figure(f"scale.{name}_cpu_us", found.cpu_us, "us"),
        Figure(f"scale.{name}_rcpt_p50_ms", found.played.rcpt_p50_ms, "ms"),
        Figure(f"scale.{name}_rcpt_p99_ms", found.played.rcpt_p99_ms, "ms"),
        Figure(f"scale.{name}_stall_ms", found.again.max_ms, "ms", Goal(50)),
        Figure(f"scale.{name}_refused", found.again.refused + found.played.refused, "", Goal(0)),
    ]


def _ratios(large: _Found, small: _Found) -> list[Figure]:
    return [
        Figure("scale.bytes_per_alias", large.bytes_per_alias, "B", Goal(90)),
        Figure("scale.largest_over_smallest_cpu", large.cpu_us / small.cpu_us, "x", Goal(1.15)),
        Figure("scale.largest_over_smallest_p99", large.played.rcpt_p99_ms / small.played.rcpt_p99_ms, "x", Goal(1.5)),
    ]
