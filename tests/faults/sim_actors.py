"""Threads of which exactly one runs, and only as far as its next call to SQL or Redis: code interleaved on purpose."""

import threading
from collections.abc import Callable


class Killed(BaseException):
    """Raised in an actor to end it at once, wherever it stands."""


class Actor:
    """An actor, such as a relay. ``work`` is given the function to call before each step that others can see."""

    def __init__(self, work: Callable[[Callable[[], None]], None]) -> None:
        self._work = work
        self._mine = threading.Semaphore(0)
        self._theirs = threading.Semaphore(0)
        self._is_killed = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go(self) -> None:
        """Let it do one step."""
        self._mine.release()
        self._theirs.acquire()
        if self._failure is not None:
            raise self._failure

    def kill(self) -> None:
        """End it where it stands, as kill -9 would."""
        self._is_killed = True
        while self._thread.is_alive():
            self._mine.release()
            self._thread.join(0.001)

    def _pause(self) -> None:
        self._theirs.release()
        self._mine.acquire()
        if self._is_killed:
            raise Killed

    def _run(self) -> None:
        self._mine.acquire()
        try:
            if not self._is_killed:
                self._work(self._pause)
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that lets it go on
            self._failure = error
        self._theirs.release()
