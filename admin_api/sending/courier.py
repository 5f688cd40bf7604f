"""The courier: threads of the API's process that carry kept messages to the mail server, one after another.

It finds them in the store, so what another process kept, or one that was killed left behind, is carried too.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from admin_api.sending.smtp import Listener, hand_over
from store.clock import utc_now
from store.errors import StoreNotReady, StoreUnavailable
from store.services.sending import handing_over
from store.services.sending.handing_over import HandOver, Outcome
from store.sql.database import Database
from store.sql.tenant import Acting

ACTING = Acting(actor="courier")
LEASE = timedelta(seconds=30)  # then another one may ask what became of it; the key keeps the two from sending twice
_LOOK = 1.0  # seconds between looks while nobody wakes it
_THREADS = 2
_END = 8.0  # seconds for what has begun, when the process ends

log = structlog.get_logger()


class Courier:
    """Carries until :meth:`stop`. A context manager."""

    def __init__(
        self, database: Database, listener: Listener, lease: timedelta = LEASE, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database, self._listener, self._lease, self._now = database, listener, lease, now
        self._woken = threading.Semaphore(0)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._carry, name="courier", daemon=True) for _ in range(_THREADS)]

    def wake(self) -> None:
        """Say that there is something to do."""
        self._woken.release()

    def __enter__(self) -> "Courier":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for _thread in self._threads:
            self._woken.release()
        for thread in self._threads:
            thread.join(_END)

    def carry_one(self) -> bool:
        """Hand over the message that has waited longest; False when none is due."""
        now = self._now()
        with self._database.read(ACTING) as tx:
            if not handing_over.is_due(tx, now):
                return False
        with self._database.write(ACTING) as tx:
            taken = handing_over.take(tx, now, self._lease)
        if taken is None:
            return False
        outcome = hand_over(self._listener, taken, now)
        with self._database.write(ACTING) as tx:
            counts = handing_over.note(tx, taken, outcome, self._now())
        if counts:
            _log(taken, outcome)
        return True

    def _carry(self) -> None:
        while not self._ended.is_set():
            try:
                if self.carry_one():
                    continue
            except (StoreUnavailable, StoreNotReady) as error:
                log.warning("courier-waits", reason=str(error))
            except Exception:
                log.exception("courier-failed")
            self._woken.acquire(timeout=_LOOK)


def _log(taken: HandOver, outcome: Outcome) -> None:
    facts = {"message": taken.id, "login": taken.login, "sender": taken.sender, "message_id": taken.message_id}
    write = log.warning if outcome.state == "unknown" else log.info
    write("message", **facts, state=outcome.state, queue_id=outcome.queue_id, reply=outcome.reply)
