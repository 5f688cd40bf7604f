"""Turns: a limit on how many threads do something at once, first come, first served."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Hands out at most ``places`` turns at a time, in the order in which threads ask.

    A connection pool's own queue is not fair: a busy thread that returns a connection and asks for the next one gets
    past those that wait, and with 40 threads some were measured to wait longer than a second.
    """

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def turn(self, patience: float) -> Iterator[None]:
        """Run the block in a turn. Raises TimeoutError when none came within ``patience`` seconds."""
        if not self._take(patience):
            raise TimeoutError
        try:
            yield
        finally:
            self._give_back()

    def _take(self, patience: float) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(patience):
            return True
        with self._lock:
            if called.is_set():  # at the last moment
                return True
            self._waiting.remove(called)
            return False

    def _give_back(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
