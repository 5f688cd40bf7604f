"""The milter bench: Byname's filter alone, without an MTA around it, beside a filter in C that does the same job.

Both are asked by the same client (``bench.load.player``) in turns, over 100,000 aliases in the same Redis; the CPU
time is that of the filter's process. Paced: as many sessions a second as a busy site would see, on up to 50
connections, which leaves the filter idle in between; here the waking up counts. Burst: a closed loop without pause on
1, 10 and 50 connections; here the time of one recipient is mostly the queue before it, by Little's law at least
connections / rate. What libmilter does for a message, and what it would cost without Debian's pool of workers:
docs/facts.md, "Milter and Postfix".
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from bench.cases.yardstick import c_filter
from bench.load.cpu import Stopwatch
from bench.load.filling import fill
from bench.load.player import Played, play
from bench.load.site import BenchSite, process_of
from bench.report.figures import Figure, Goal, Scale, median_of
from byname.sandbox.errors import SandboxError

_ALIASES = 100_000
_RATE = 1200.0  # sessions a second
_ROUNDS = 3
_MANY = 1000  # messages; fewer tell nothing, warm or cold
_CONNECTIONS = (1, 10, 50)
_PACED, _MOST_OPEN = "paced", 50


@dataclass(frozen=True, slots=True)
class _Filter:
    """One of the two."""

    name: str
    address: str
    process: int


@dataclass(frozen=True, slots=True)
class _Run:
    """One round of one filter in one mode."""

    played: Played
    cpu_us: float  # of the filter, for each message


def measure(scale: Scale) -> list[Figure]:
    """Return CPU time, rates and percentiles for both filters, and their ratios."""
    aliases, rounds = scale.of(1000, _ALIASES), scale.of(1, _ROUNDS)
    with BenchSite("sqlite") as site, ExitStack() as stack:
        fill(site.database, aliases)
        site.start_relay()
        address = f"unix:{site.folder}/c.sock"
        filters = [
            _Filter("byname", site.milter, process_of(site.start_milter())),
            _Filter("c", address, process_of(stack.enter_context(c_filter(site.folder, address, site.redis.socket)))),
        ]
        connections = _CONNECTIONS[-1:] if scale.short else _CONNECTIONS
        modes = {_PACED: scale.of(60, 6000), **{f"burst_{count}": scale.of(60, 2000) for count in connections}}
        runs = {mode: _interleaved(filters, mode, aliases, messages, rounds) for mode, messages in modes.items()}
    return [figure for mode, found in runs.items() for figure in _figures(mode, found)]


def _interleaved(
    filters: list[_Filter], mode: str, aliases: int, messages: int, rounds: int
) -> Mapping[str, list[_Run]]:
    found: dict[str, list[_Run]] = {one.name: [] for one in filters}
    if warm := messages // 10 if messages > _MANY else 0:
        for one in filters:
            _run(one, mode, aliases, warm)
    for _ in range(rounds):
        for one in filters:
            found[one.name].append(_run(one, mode, aliases, messages))
    return found


def _run(one: _Filter, mode: str, aliases: int, messages: int) -> _Run:
    connections = _MOST_OPEN if mode == _PACED else int(mode.rpartition("_")[2])
    watch = Stopwatch({"filter": one.process})
    rate = _RATE if mode == _PACED else 0
    played = play(one.address, aliases, messages, connections=connections, per_second=rate)
    if played.refused:
        raise SandboxError(f"{one.name} refused {played.refused} of what it was asked")
    return _Run(played, 1e6 * watch.seconds()["filter"] / messages)


def _figures(mode: str, found: Mapping[str, list[_Run]]) -> list[Figure]:
    goal = Goal(1.35 if mode == _PACED else 2.0)
    ratios = [ours.cpu_us / theirs.cpu_us for ours, theirs in zip(found["byname"], found["c"], strict=True)]
    ratio = median_of(f"milter.{mode}_over_c", "x", ratios, goal)
    return [ratio, *(figure for name, runs in found.items() for figure in _of_filter(f"milter.{mode}_{name}", runs))]


def _of_filter(name: str, runs: list[_Run]) -> list[Figure]:
    goal = Goal(10) if name in {"milter.burst_50_byname", "milter.paced_byname"} else None
    return [
        median_of(f"{name}_cpu_us", "us", [run.cpu_us for run in runs]),
        median_of(f"{name}_messages_per_s", "1/s", [run.played.per_second for run in runs]),
        median_of(f"{name}_rcpt_p50_ms", "ms", [run.played.rcpt_p50_ms for run in runs]),
        median_of(f"{name}_rcpt_p99_ms", "ms", [run.played.rcpt_p99_ms for run in runs], goal),
        median_of(f"{name}_rcpt_p999_ms", "ms", [run.played.rcpt_p999_ms for run in runs]),
    ]
