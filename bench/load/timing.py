"""Timing one small thing many times, and a large one once."""

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs."""

    name: str
    microseconds: float  # the median of the rounds
    spread: float  # (slowest - fastest) / median


def cost(name: str, call: Callable[[], object], *, seconds: float) -> Cost:
    """Call for about ``seconds`` in all, in rounds of equal length, and return the cost of one call."""
    count = _calls_per_round(call, seconds / _ROUNDS)
    rounds = [_round(call, count) for _ in range(_ROUNDS)]
    median = statistics.median(rounds)
    return Cost(name, median * 1e6, (max(rounds) - min(rounds)) / median)


def _calls_per_round(call: Callable[[], object], seconds: float) -> int:
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds / 10:
        call()
        count += 1
    return max(1, count * 10)


def _round(call: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - started) / count


def seconds_of(work: Iterable[object]) -> float:
    """Do all of ``work``, which goes piece by piece, and return how long that took."""
    started = time.monotonic()
    deque(work, maxlen=0)
    return time.monotonic() - started
