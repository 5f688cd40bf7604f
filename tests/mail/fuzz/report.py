"""What a fuzz run found: figures of the worst sessions, and every broken promise."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What no session may exceed. None: measured, and not judged."""

    reply: float = 5.0  # seconds until an answer
    delay: float | None = 1.0  # seconds that other mail may take longer
    growth: int = 64 << 20  # octets that a milter may hold more at the end than after its first sessions


@dataclass(slots=True)
class Report:
    """The sum of a run; several threads may add to it."""

    name: str
    sessions: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    worst: dict[str, tuple[float, str]] = field(default_factory=dict)  # figure: the most, and in which session
    violations: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def violate(self, session: str, what: str) -> None:
        """Note a broken promise."""
        with self._lock:
            self.violations.append(f"{session}: {what}")

    def measure(self, figure: str, value: float, session: str) -> None:
        """Keep the most of a figure."""
        with self._lock:
            if value > self.worst.get(figure, (-1.0, ""))[0]:
                self.worst[figure] = (value, session)

    def most(self, figure: str) -> float:
        """Return the most of a figure, 0 for one that was never measured."""
        return self.worst.get(figure, (0.0, ""))[0]

    def table(self) -> str:
        """Return what was found, for people."""
        answers = ", ".join(f"{code}: {many}" for code, many in sorted(self.answers.items()))
        rows = [("sessions", str(self.sessions)), ("answers", answers)]
        rows += [(figure, f"{value:.1f} ({session})") for figure, (value, session) in sorted(self.worst.items())]
        rows.append(("violations", str(len(self.violations))))
        lines = [f"{self.name}", *(f"  {name:<34} {value}" for name, value in rows)]
        return "\n".join([*lines, *(f"  VIOLATION {each}" for each in self.violations[:_MOST_SHOWN])])


Say = Callable[[str], None]
