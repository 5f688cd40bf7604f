"""Worker threads that enforce a deadline on calls which have none: a backend that hangs, drips bytes or waits for DNS.

A question that keeps no deadline by itself runs in one of a few worker threads, and the asker waits for its answer only
so long. A worker that is stuck stays stuck alone: its asker goes on, the other workers serve the rest, and when all are
stuck nobody waits longer than the deadline either. What nobody waits for any more is taken off the queue, so that holds
no more than there are askers.
"""

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from store.cache.breaker import Breaker

T = TypeVar("T")

_QUICK = 0.05  # seconds; a failure as quick as this costs nothing, so the breaker need not spare anybody


class Unanswered(Exception):
    """There was no answer in time. ``reason``, for logs and metrics, is breaker, timeout or no-worker."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Task(Generic[T]):
    """A call that was queued, and its result."""

    __slots__ = ("answer", "done", "error", "question")

    def __init__(self, question: Callable[[], T]) -> None:
        self.question = question
        self.answer: T
        self.error: BaseException | None = None
        self.done = threading.Lock()  # released once, when the answer is there: a tenth of an Event's cost
        self.done.acquire()

    def run(self) -> None:
        try:
            self.answer = self.question()
        except BaseException as error:  # noqa: BLE001 - it is the asker's, who raises it
            self.error = error
        self.done.release()

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        return self.answer


class Workers:
    """A thread pool with a queue: at most ``places`` threads, started as they are needed."""

    def __init__(self, name: str, places: int) -> None:
        self._name = name
        self._places = places
        self._changed = threading.Condition()
        self._waiting: deque[_Task[object]] = deque()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def ask(self, question: Callable[[], T], seconds: float) -> T:
        """Return the answer to ``question``, or raise what it raises.

        Raises:
            Unanswered: it took longer than ``seconds`` (timeout), or no worker came to it meanwhile (no-worker).
        """
        task = _Task(question)
        self._hand_over(task)
        if not task.done.acquire(timeout=seconds):
            raise Unanswered("no-worker" if self._taken_back(task) else "timeout")
        return task.result()

    def close(self) -> None:
        """End the workers: idle ones at once, the others after their question."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _hand_over(self, task: "_Task[T]") -> None:
        with self._changed:
            if self._closed:
                raise Unanswered("no-worker")
            self._waiting.append(task)  # type: ignore[arg-type]
            if self._idle < len(self._waiting) and self._threads < self._places:
                self._start_one()
            self._changed.notify()

    def _start_one(self) -> None:
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # no more threads to be had: those that run must do, or the asker gives up in time
            return
        self._threads += 1

    def _taken_back(self, task: "_Task[T]") -> bool:
        with self._changed:
            try:
                self._waiting.remove(task)  # type: ignore[arg-type]
            except ValueError:
                return False
            return True

    def _work(self) -> None:
        while (task := self._next()) is not None:
            task.run()
            del task  # else an idle worker keeps the last answer alive

    def _next(self) -> "_Task[object] | None":
        with self._changed:
            self._idle += 1
            while not self._waiting and not self._closed:
                self._changed.wait()
            self._idle -= 1
            return None if self._closed else self._waiting.popleft()


class DeadlineRunner:
    """Runs calls to a backend under a deadline of ``seconds``, behind a circuit breaker."""

    def __init__(self, name: str, seconds: float, places: int, breaker: Breaker | None = None) -> None:
        self.breaker = breaker or Breaker()
        self._seconds = seconds
        self._workers = Workers(name, places)

    def ask(self, question: Callable[[], T], at_once: Callable[[], T | None] = lambda: None) -> T:
        """Return the answer to ``question``, or raise what it raises.

        ``at_once`` is a quicker way to ask, to be tried first: it keeps the deadline by itself, and so needs no worker,
        and returns None when that way is closed.

        Raises:
            Unanswered: not asked (breaker), no answer in time (timeout), or nobody free to ask (no-worker).
        """
        if not self.breaker.admits():
            raise Unanswered("breaker")
        started = monotonic()
        try:
            answer = at_once()
            if answer is None:
                answer = self._workers.ask(question, max(0.0, started + self._seconds - monotonic()))
        except BaseException:
            self._note_failure(monotonic() - started)
            raise
        self.breaker.succeeded()
        return answer

    def close(self) -> None:
        """End the workers."""
        self._workers.close()

    def _note_failure(self, took: float) -> None:
        if took > _QUICK:
            self.breaker.failed()
        else:
            self.breaker.succeeded()
