"""The counts bench: what counting mails to aliases costs on the mail path, and behind it.

Two of everything over the same names and the same Redis, one with ``[statistics] enabled``, one without, take turns.
Each message goes to an alias of its own, so that no two are counted together, which is the dearest way.

- The whole mail server, as in the mta bench: Postfix, ``byname milter``, ``byname maps`` and Redis. The goal is here:
  what the milter and Redis take more with counting, over all that a message takes without. Postfix and the maps know
  nothing of it, and their own rounds differ by more than it costs.
- The filter alone, by a client that speaks the milter protocol: the same microseconds over a much smaller cost. Beside
  it the relay, which merges the counts into SQL whenever it gets to it.

A round ends when the counts of its last messages were handed over.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from bench.cases.mta_ways import RECIPIENT, Way, ways
from bench.load.cpu import Stopwatch
from bench.load.filling import fill
from bench.load.player import play
from bench.load.site import BenchSite, process_of
from bench.report.figures import Figure, Goal, Scale, median_of
from byname.sandbox.errors import SandboxError
from store.counting.handing_over import EVERY

_COUNTED, _UNCOUNTED = "redis", "uncounted"  # the ways of the mta bench
_COUNTING = ("filter", "redis")  # the parts that have to do with it
_ALIASES, _ROUNDS, _CONNECTIONS = 10_000, 7, 10
_OF_SERVER, _OF_FILTER = 1_500, 3_000  # messages of a round
_RATE = 600.0  # messages a second to the filter alone
_SETTINGS = "[statistics]\nenabled = false\n"

_Part = Mapping[str, float]  # CPU microseconds for each message, by part
_Rounds = Mapping[str, list[_Part]]


def measure(scale: Scale) -> list[Figure]:
    """Return the CPU time of a message with and without counting, and their ratio."""
    return [*_of_server(scale), *_of_filter(scale)]


def _of_server(scale: Scale) -> list[Figure]:
    messages, aliases = scale.of(20, _OF_SERVER), scale.of(500, _ALIASES)
    with ways((_COUNTED, _UNCOUNTED), aliases) as known:
        by_name = {way.name: way for way in known}
        found = _in_turns(scale, lambda name: _served(by_name[name], messages))
    counted, uncounted = ([sum(one.values()) for one in found[name]] for name in (_COUNTED, _UNCOUNTED))
    ratios = [1 + _more(with_, without) for with_, without in zip(found[_COUNTED], found[_UNCOUNTED], strict=True)]
    return [
        median_of("counts.message_counted_over_uncounted", "x", ratios, Goal(1.03)),
        median_of("counts.message_counted_cpu_us", "us", counted),
        median_of("counts.message_uncounted_cpu_us", "us", uncounted),
    ]


def _more(counted: _Part, uncounted: _Part) -> float:
    """Return what counting takes of a message, as a part of all that it takes without."""
    return sum(counted[part] - uncounted[part] for part in _COUNTING) / sum(uncounted.values())


def _served(way: Way, messages: int) -> _Part:
    watch = Stopwatch(way.parts)
    way.postfix.take(messages, RECIPIENT)
    time.sleep(EVERY)
    return _each(watch, messages)


def _of_filter(scale: Scale) -> list[Figure]:
    aliases, messages = scale.of(500, _ALIASES), scale.of(60, _OF_FILTER)
    with BenchSite("sqlite") as site:
        fill(site.database, aliases)
        relay = process_of(site.start_relay())
        sites = {_COUNTED: site, _UNCOUNTED: site.another("uncounted", cached=True, settings=_SETTINGS)}
        parts = {name: {"filter": process_of(one.start_milter()), "relay": relay} for name, one in sites.items()}
        found = _in_turns(scale, lambda name: _filtered(sites[name], parts[name], aliases, messages))
    counted, uncounted = ([one["filter"] for one in found[name]] for name in (_COUNTED, _UNCOUNTED))
    relay_us = [ours["relay"] - idle["relay"] for ours, idle in zip(found[_COUNTED], found[_UNCOUNTED], strict=True)]
    return [
        median_of("counts.filter_counted_over_uncounted", "x", _ratios(counted, uncounted)),
        median_of("counts.filter_counted_cpu_us", "us", counted),
        median_of("counts.filter_uncounted_cpu_us", "us", uncounted),
        Figure("counts.relay_cpu_us", statistics.median(relay_us), "us"),
    ]


def _filtered(site: BenchSite, parts: Mapping[str, int], aliases: int, messages: int) -> _Part:
    watch = Stopwatch(parts)
    played = play(site.milter, aliases, messages, connections=_CONNECTIONS, per_second=_RATE)
    if played.refused:
        raise SandboxError(f"the milter refused {played.refused} of what it was asked")
    time.sleep(EVERY)
    return _each(watch, messages)


def _in_turns(scale: Scale, take: Callable[[str], _Part]) -> _Rounds:
    """Return what the rounds of both took, after one each to warm up."""
    found: dict[str, list[_Part]] = {_COUNTED: [], _UNCOUNTED: []}
    for at in range(scale.of(1, _ROUNDS + 1)):
        for name, rounds in found.items():
            taken = take(name)
            if at or scale.short:
                rounds.append(taken)
    return found


def _each(watch: Stopwatch, messages: int) -> _Part:
    return {part: 1e6 * seconds / messages for part, seconds in watch.seconds().items()}


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]
