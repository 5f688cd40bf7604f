"""Whole mail servers that take messages in turns, what each delivered, and what the rounds come to as figures."""

import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.cases.mta_ways import RECIPIENT, Way
from bench.load.cpu import Stopwatch
from bench.report.figures import Figure, Goal, median_of
from byname.sandbox.errors import SandboxError

Ratios = Mapping[tuple[str, str], Goal | None]  # of two ways, and what it should be


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one way."""

    per_second: float
    cpu_us: Mapping[str, float]  # for each message, by part

    @property
    def total(self) -> float:
        """All parts."""
        return sum(self.cpu_us.values())


Found = dict[str, list[Round]]  # by the way's name


def interleaved(ways: Sequence[Way], messages: int, rounds: int, *, warm: bool, reuse: bool = False) -> Found:
    """Return ``rounds`` rounds of each way, of so many messages; with ``reuse`` many in each SMTP session.

    Raises:
        SandboxError: a message was refused, or did not arrive at the mailbox of its alias.
    """
    for way in ways if warm else ():
        _round(way, messages // 5, reuse=reuse)
    found: Found = {way.name: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            found[way.name].append(_round(way, messages, reuse=reuse))
    return found


def _round(way: Way, messages: int, *, reuse: bool) -> Round:
    way.postfix.deliveries()
    watch, begun = Stopwatch(way.parts), time.monotonic()
    way.postfix.take(messages, RECIPIENT, reuse=reuse)
    took = time.monotonic() - begun
    cpu_us = {part: 1e6 * seconds / messages for part, seconds in watch.seconds().items()}
    if way.postfix.master() is None:  # it would seem to take no time at all
        raise SandboxError("a Postfix ended by itself")
    _must_have_arrived(way, messages)
    return Round(messages / took, cpu_us)


def _must_have_arrived(way: Way, messages: int) -> None:
    aliases = (f"{number}{RECIPIENT}" for number in range(1, messages + 1))
    wanted = Counter(way.mailbox_of(alias) for alias in aliases)
    if (found := way.postfix.deliveries(messages)) != wanted:
        raise SandboxError(f"{way.name} delivered to others than it should: {found - wanted or wanted - found}")


def figures(bench: str, found: Found) -> list[Figure]:
    """Return CPU microseconds for each message by way and part, and messages a second."""
    return [figure for name, rounds in found.items() for figure in _of_way(f"{bench}.{name}", rounds)]


def _of_way(name: str, rounds: Sequence[Round]) -> list[Figure]:
    totals, rates = [one.total for one in rounds], [one.per_second for one in rounds]
    parts = {part: statistics.median(one.cpu_us[part] for one in rounds) for part in rounds[0].cpu_us}
    return [
        median_of(f"{name}_cpu_us", "us", totals),
        *(Figure(f"{name}_cpu_{part}_us", value, "us") for part, value in parts.items() if len(parts) > 1),
        median_of(f"{name}_messages_per_s", "1/s", rates),
    ]


def ratios(bench: str, found: Found, wanted: Ratios) -> list[Figure]:
    """Return the CPU time of one way as a multiple of another's, of those ways that ran: medians of pairs of rounds."""
    return [
        median_of(
            f"{bench}.{ours}_over_{theirs}",
            "x",
            [a.total / b.total for a, b in zip(found[ours], found[theirs], strict=True)],
            goal,
        )
        for (ours, theirs), goal in wanted.items()
        if {ours, theirs} <= found.keys()
    ]
