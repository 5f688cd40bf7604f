"""A circuit breaker: while a backend hangs, one request a second waits for its timeout, the others fail at once."""

import threading
from collections.abc import Callable
from time import monotonic

PAUSE = 1.0  # seconds between two probes of a backend that hangs (docs/design.md, section 6)


class Breaker:
    """A circuit breaker: closed while the backend answers; open, it admits one probe a second. Thread-safe."""

    def __init__(self, pause: float = PAUSE, clock: Callable[[], float] = monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._next_probe: float | None = None  # None: the backend answers

    @property
    def is_open(self) -> bool:
        """True while the backend is believed to hang."""
        return self._next_probe is not None

    def admits(self) -> bool:
        """Return whether to ask the backend now. A caller that is admitted reports with succeeded() or failed()."""
        if self._next_probe is None:
            return True
        with self._lock:
            now = self._clock()
            if self._next_probe is not None and now < self._next_probe:
                return False
            if self._next_probe is not None:
                self._next_probe = now + self._pause
            return True

    def succeeded(self) -> None:
        """Note an answer: the breaker closes."""
        if self._next_probe is not None:
            with self._lock:
                self._next_probe = None

    def failed(self) -> None:
        """Note that a request timed out: the breaker opens."""
        with self._lock:
            self._next_probe = self._clock() + self._pause
