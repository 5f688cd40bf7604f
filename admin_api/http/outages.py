"""What is logged of an outage of the database: its cause once, and at its end how much it cost."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

QUIET = 5.0  # seconds without a failure, after which the next success ends an outage

log = structlog.get_logger()


@dataclass(slots=True)
class _Outage:
    began: float
    latest: float  # when the latest request failed
    refused: int = 1  # requests


class OutageLog:
    """Logs the first 503 of an outage with its cause, counts the others, and logs the end. Safe between threads.

    An outage lasts until a request succeeds, and none has failed for five seconds: while some work and some do not,
    as with a database that is locked to writers, it is one outage.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` counts seconds and never goes back."""
        self._clock = clock
        self._guard = threading.Lock()
        self._outage: _Outage | None = None

    def failed(self, cause: Exception) -> None:
        """Count a request that was refused. ``cause``: of store.errors, whose messages hold no secrets."""
        with self._guard:
            now, outage = self._clock(), self._outage
            if outage is not None:
                outage.latest, outage.refused = now, outage.refused + 1
                return
            self._outage = _Outage(now, now)
        log.error("unavailable", cause=str(cause), kind=type(cause).__name__)

    def worked(self) -> None:
        """Note that a request for which the database was asked did not fail."""
        if self._outage is None:  # without the lock: this is asked with every request
            return
        with self._guard:
            outage = self._outage
            if outage is None or self._clock() - outage.latest < QUIET:
                return
            self._outage = None
        log.info("available-again", refused=outage.refused, seconds=round(outage.latest - outage.began, 1))
