"""What was right when, for names that are changed while mail flows, and when something died.

A state is right from the moment its change is begun, and until the next one is live: in between either is.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

FOREVER = float("inf")


@dataclass(slots=True)
class State:
    """One outcome and the time in which it may be met."""

    outcome: str
    begins: float
    ends: float = FOREVER


class Timeline:
    """The states of every moving name. Times are those of ``time.time()``, as files have them."""

    def __init__(self, first: Mapping[str, str], settle: float) -> None:
        """``settle``: seconds after its commit within which a change is live at the latest."""
        self._settle = settle
        self._states = {name: [State(outcome, 0.0)] for name, outcome in first.items()}
        self._lock = threading.Lock()
        self._changing = threading.Lock()
        self.killed_at: float | None = None
        self.cut_off: frozenset[int] = frozenset()

    def killed(self, *, cut_off: Collection[int] = ()) -> None:
        """Note that something dies now for good, and something else has to take over; the first time counts.

        ``cut_off``: the sites that whatever takes over cannot reach; they wait for the end of the fault.
        """
        if self.killed_at is None:
            self.killed_at = time.time()
            self.cut_off = frozenset(cut_off)

    def change(self, name: str, make: Callable[[str], str]) -> None:
        """Make a change and note it; one that raises did not happen.

        ``make`` is given the last outcome, which nobody changes meanwhile, and returns the new one.
        """
        with self._changing:
            begun = time.time()
            self.note(name, make(self.now(name)), begun)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let no change be made for the length of a block."""
        with self._changing:
            yield

    def note(self, name: str, outcome: str, begun: float) -> None:
        """Note that a change begun then is made now."""
        with self._lock:
            self._states[name][-1].ends = time.time() + self._settle
            self._states[name].append(State(outcome, begun))

    def now(self, name: str) -> str:
        """Return the last outcome."""
        with self._lock:
            return self._states[name][-1].outcome

    def right(self, name: str, since: float, until: float) -> set[str]:
        """Return every outcome that was right at some time between the two."""
        with self._lock:
            return {state.outcome for state in self._states[name] if state.begins <= until and state.ends >= since}
