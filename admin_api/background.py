"""Threads that do one thing after another while there is something to do, and look for it when nobody wakes them."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import structlog

from store.errors import StoreNotReady, StoreUnavailable

_END = 8.0  # seconds for what has begun, when the process ends

log = structlog.get_logger()


class Worker:
    """Works until the end of its block. A context manager.

    Args:
        name: of its threads, and in its lines of the log.
        step: does one thing, and returns False when there was none to do. Whatever it raises is logged.
        threads: that work.
        look: seconds between looks while nobody wakes it.
        rest: what each thread does when nothing came for so long, and at the end. Raises nothing.
    """

    def __init__(
        self, name: str, step: Callable[[], bool], *, threads: int, look: float, rest: Callable[[], None] = lambda: None
    ) -> None:
        self._name, self._step, self._look, self._rest = name, step, look, rest
        self._woken = threading.BoundedSemaphore(threads)  # more looks than threads find nothing
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for _ in range(threads)]

    @property
    def is_ending(self) -> bool:
        """True once nothing more is to be begun."""
        return self._ended.is_set()

    def wake(self) -> None:
        """Say that there is something to do."""
        with suppress(ValueError):  # every thread will look anyway
            self._woken.release()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for _thread in self._threads:
            self.wake()
        for thread in self._threads:
            thread.join(_END)

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                if self._step():
                    continue
            except (StoreUnavailable, StoreNotReady) as error:
                log.warning(f"{self._name}-waits", reason=str(error))
            except Exception:
                log.exception(f"{self._name}-failed")
            if not self._woken.acquire(timeout=self._look):
                self._rest()
        self._rest()
