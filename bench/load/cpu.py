"""The CPU time that processes took, from /proc: a process with all its descendants, those that have ended included."""

import os
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_CPUCLOCK_SCHED = 2


def cpu_seconds(root: int) -> float:
    """Return the seconds that a process and its descendants have taken so far.

    A descendant that ended counts through the parent that waited for it (proc(5): cutime and cstime), so the figure
    never falls, and the difference of two is right however many processes come and go.
    """
    times, children = _table()
    left, seconds = [root], 0.0
    while left:
        process = left.pop()
        seconds += times.get(process, 0.0)
        left += children.get(process, [])
    return seconds


def rss_bytes(process: int) -> int:
    """Return the memory that a process holds (VmRSS)."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Stopwatch:
    """CPU time of the named parts of a system."""

    def __init__(self, parts: Mapping[str, int]) -> None:
        self._parts = dict(parts)
        self._begun = self._now()

    def restart(self) -> None:
        """Begin anew."""
        self._begun = self._now()

    def seconds(self) -> dict[str, float]:
        """Return what each part took since the beginning."""
        return {name: now - self._begun[name] for name, now in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {name: cpu_seconds(process) for name, process in self._parts.items()}


def _table() -> tuple[Mapping[int, float], Mapping[int, list[int]]]:
    """Return the seconds of every process, its ended children's included, and the children of each."""
    times: dict[int, float] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        process = int(stat.parent.name)
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            times[process] = time.clock_gettime(_clock_of(process)) + sum(map(int, fields[13:15])) / _TICKS
        except OSError:  # gone meanwhile
            continue
        children[int(fields[1])].append(process)
    return times, children


def _clock_of(process: int) -> int:
    """Return the clock of a process's CPU time, as clock_getcpuclockid(3) makes it; stat only counts in 10 ms."""
    return (~process << 3) | _CPUCLOCK_SCHED
