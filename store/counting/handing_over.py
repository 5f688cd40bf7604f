"""Handing counts on, every few seconds, in a thread of its own that no mail waits for.

What was taken is offered until it was taken over, under the same ids, so that a repeat counts nothing. Meanwhile the
tally goes on, within its bounds. A process that is killed loses what was not handed on: at most some seconds; one that
is stopped hands it on before it ends.
"""

import threading
from collections import deque
from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

import structlog

from store.counting.tally import Tally
from store.wire_format.counts import Batch

EVERY = 2.0  # seconds
_END_WITHIN = 3.0

log = structlog.get_logger()


class Sink(Protocol):
    """Where counts go."""

    def put(self, batch: Batch) -> None:
        """Take a batch over; when this raises, the same batch comes again."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class HandOver(AbstractContextManager["HandOver"]):
    """Hands on what a tally counts, for the length of a block."""

    def __init__(self, tally: Tally, sink: Sink, every: float = EVERY) -> None:
        """Ask ``tally`` every so many seconds."""
        self._tally = tally
        self._sink = sink
        self._every = every
        self._waiting: deque[Batch] = deque()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counts", daemon=True)
        self._trouble = ""
        self._lost = 0

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Hand on what is left, for some seconds at most, and end."""
        self._ended.set()
        self._thread.join(_END_WITHIN)

    def _run(self) -> None:
        due = monotonic() + self._every
        while not self._ended.wait(max(0.0, due - monotonic())):
            due = monotonic() + self._every
            self._hand_on()
        self._hand_on()
        self._sink.close()

    def _hand_on(self) -> None:
        """Hand on what was counted; whatever fails, it is tried again the next time."""
        try:
            if not self._waiting:
                self._waiting.extend(self._tally.take())
            while self._waiting:
                self._sink.put(self._waiting[0])
                self._waiting.popleft()
            self._note("")
        except Exception as error:  # noqa: BLE001 - whatever it is, mail goes on
            self._note(str(error) or type(error).__name__)

    def _note(self, trouble: str) -> None:
        """Log what is wrong when that changes, and what was lost."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("counts-not-handed-on", reason=trouble) if trouble else log.info("counts-handed-on")
        if self._tally.lost > self._lost:
            log.warning("counts-lost", since_start=self._tally.lost)
            self._lost = self._tally.lost
