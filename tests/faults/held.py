"""What long-running processes hold: memory and open files, looked at again and again while nothing flows."""

import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FEWEST = 8  # looks at a process before its growth says anything
_MEMORY = re.compile(r"^(?:RssAnon|VmSwap):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds at one moment."""

    mib: float  # anonymous memory, in RAM or swapped out
    files: int


@dataclass(frozen=True, slots=True)
class Growth:
    """How what a process holds has changed, from the second quarter of the looks at it to the last quarter."""

    name: str
    looks: int
    mib: float  # at the end
    memory: float  # as a share of what it was: 0.05 is 5 % more
    files: int  # more, or fewer


def held(pid: int, proc: Path = Path("/proc")) -> Held | None:
    """Return what a process holds; None when it is gone."""
    place = proc / str(pid)
    try:
        sizes = _MEMORY.findall((place / "status").read_text())
        return Held(sum(map(int, sizes)) / 1024, sum(1 for _ in (place / "fd").iterdir()))
    except OSError:
        return None


@dataclass(slots=True)
class Watch:
    """All that was seen, by the name of a daemon and the process that it was: one that was restarted is another."""

    _seen: dict[tuple[str, int], list[Held]] = field(default_factory=dict)

    def look(self, processes: Mapping[str, int | None]) -> None:
        """Look at each once."""
        for name, pid in processes.items():
            found = None if pid is None else held(pid)
            if pid is not None and found is not None:
                self._seen.setdefault((name, pid), []).append(found)

    def growths(self) -> Iterable[Growth]:
        """Return the growth of every process that was looked at often enough; the largest first."""
        found = [growth(name, looks) for (name, _), looks in self._seen.items() if len(looks) >= FEWEST]
        return sorted(found, key=lambda each: -each.memory)


def growth(name: str, looks: list[Held]) -> Growth:
    """Return the growth over at least ``FEWEST`` looks. The first quarter is left out: a process has to warm up."""
    quarter = len(looks) // 4
    before, after = looks[quarter : 2 * quarter], looks[-quarter:]
    first, last = (statistics.median(each.mib for each in part) for part in (before, after))
    files = statistics.median_low(each.files for each in after) - statistics.median_low(each.files for each in before)
    return Growth(name, len(looks), last, last / first - 1 if first else 0.0, files)
