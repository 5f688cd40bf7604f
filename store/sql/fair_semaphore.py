"""A fair semaphore: a limit on how many threads do something at once, first come, first served."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class FairSemaphore:
    """Admits at most ``permits`` threads at a time, in the order in which they ask.

    A connection pool's own queue is not fair: a busy thread that returns a connection and asks for the next one gets
    past those that wait, and with 40 threads some were measured to wait longer than a second.
    """

    def __init__(self, permits: int) -> None:
        self._lock = threading.Lock()
        self._free = permits
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def acquired(self, timeout: float) -> Iterator[None]:
        """Hold a permit for the length of a block. Raises TimeoutError when there was none within ``timeout`` s."""
        if not self._acquire(timeout):
            raise TimeoutError
        try:
            yield
        finally:
            self._release()

    def _acquire(self, timeout: float) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            admitted = threading.Event()
            self._waiting.append(admitted)
        if admitted.wait(timeout):
            return True
        with self._lock:
            if admitted.is_set():  # at the last moment
                return True
            self._waiting.remove(admitted)
            return False

    def _release(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
