"""The lookups bench: what a message's names cost Redis, and what they cost PostgreSQL while Redis cannot vouch.

The filter alone is asked by a client that speaks the milter protocol, paced, over 100,000 aliases: once with a Redis
that has the lease, once without a cache, as it is when a Redis is built anew or lost. CPU time for each message of the
filter and of what it asks; Postfix and its maps are left out. The two take turns.
"""

from collections.abc import Mapping

from bench.load.cpu import Stopwatch
from bench.load.filling import fill
from bench.load.player import play
from bench.load.site import BenchSite, process_of
from bench.report.figures import Figure, Scale, median_of
from byname.sandbox.errors import SandboxError

_ALIASES, _MESSAGES, _ROUNDS, _CONNECTIONS = 100_000, 1000, 5, 10
_RATE = 200.0  # messages a second


def measure(scale: Scale) -> list[Figure]:
    """Return CPU microseconds of a message, of the filter and of the server that it asks; SQLite in the short form."""
    aliases, messages = scale.of(500, _ALIASES), scale.of(50, _MESSAGES)
    with BenchSite("sqlite" if scale.short else "postgresql") as site:
        fill(site.database, aliases)
        site.start_relay()
        other = site.without_cache()
        sites, database = {"redis": site, "sql": other}, site.database_process()
        parts = {
            "redis": {"filter": process_of(site.start_milter()), "server": site.redis_process()},
            "sql": {"filter": process_of(other.start_milter())} | ({} if database is None else {"server": database}),
        }
        found: dict[str, list[Mapping[str, float]]] = {name: [] for name in sites}
        for at in range(scale.of(1, _ROUNDS) + 1):
            for name, one in sites.items():
                taken = _round(one, parts[name], aliases, messages)
                if at:  # the first warms up
                    found[name].append(taken)
    return [
        median_of(f"lookups.{name}_{part}_cpu_us", "us", [one[part] for one in rounds])
        for name, rounds in found.items()
        for part in parts[name]
    ]


def _round(site: BenchSite, parts: Mapping[str, int], aliases: int, messages: int) -> Mapping[str, float]:
    watch = Stopwatch(parts)
    played = play(site.milter, aliases, messages, connections=_CONNECTIONS, per_second=_RATE)
    if played.refused:
        raise SandboxError(f"the milter refused {played.refused} of what it was asked")
    return {part: 1e6 * seconds / messages for part, seconds in watch.seconds().items()}
