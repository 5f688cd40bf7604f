"""The courier: threads of the API's process that carry kept messages to the mail server, one after another.

It finds them in the store, so what another process kept, or one that was killed left behind, is carried too.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from admin_api.background import Worker
from admin_api.sending.metrics import SendingMetrics
from admin_api.sending.smtp import Line, Listener, hand_over
from store.clock import utc_now
from store.services.sending import handing_over
from store.services.sending.handing_over import HandOver, Outcome
from store.sql.database import Database
from store.sql.tenant import Acting

ACTING = Acting(actor="courier")
LEASE = timedelta(seconds=30)  # then another one may ask what became of it; the key keeps the two from sending twice
_LOOK = 1.0  # seconds
_THREADS = 2

log = structlog.get_logger()


class Courier(Worker):
    """Carries until the end of its block. ``is_sent`` is told of each message that the mail server has."""

    def __init__(
        self,
        database: Database,
        listener: Listener,
        lease: timedelta = LEASE,
        now: Callable[[], datetime] = utc_now,
        *,
        is_sent: Callable[[], None] = lambda: None,
        meters: SendingMetrics | None = None,
    ) -> None:
        super().__init__("courier", self.carry_all, threads=_THREADS, look=_LOOK, rest=self._hang_up)
        self._database, self._listener, self._lease, self._now = database, listener, lease, now
        self._of_thread = threading.local()
        self._is_sent, self._meters = is_sent, meters

    def carry_all(self) -> bool:
        """Hand over what is due, what has waited longest first, until nothing is; False, for it has looked already."""
        taken = self._first()
        while taken is not None:
            taken = self._carry(taken, goes_on=True)
        return False

    def carry_one(self) -> bool:
        """Hand over the message that has waited longest; False when none is due."""
        taken = self._first()
        if taken is not None:
            self._carry(taken, goes_on=False)
        return taken is not None

    def _first(self) -> HandOver | None:
        now = self._now()
        with self._database.alone() as connection:
            if not handing_over.is_due(connection, now):
                return None
        with self._database.write_rows() as connection:
            return handing_over.take(connection, now, self._lease)

    def _carry(self, taken: HandOver, *, goes_on: bool) -> HandOver | None:
        """Hand a message over, note its outcome, and in the same transaction take the next one in hand if ``goes_on``.

        What is in hand at any time is one message for each thread.
        """
        outcome = hand_over(self._line(), taken, self._now())
        with self._database.write_rows() as connection:
            now = self._now()
            counts = handing_over.note(connection, taken, outcome, now)
            following = handing_over.take(connection, now, self._lease) if goes_on and not self.is_ending else None
        if counts:
            self._tell(taken, outcome)
        return following

    def _line(self) -> Line:
        """Return this thread's session with the mail server: one for all messages that wait, none while none does."""
        line: Line | None = getattr(self._of_thread, "line", None)
        if line is None:
            line = self._of_thread.line = Line(self._listener)
        return line

    def _hang_up(self) -> None:
        self._line().close()

    def _tell(self, taken: HandOver, outcome: Outcome) -> None:
        if self._meters is not None:
            self._meters.handed_over(outcome)
        _log(taken, outcome)
        if outcome.is_sent:
            self._is_sent()


def _log(taken: HandOver, outcome: Outcome) -> None:
    facts = {"message": taken.id, "login": taken.login, "sender": taken.sender, "message_id": taken.message_id}
    wait = None if outcome.wait is None else int(outcome.wait.total_seconds())
    write = log.warning if outcome.is_doubtful else log.info
    write("message", **facts, state=outcome.state, queue_id=outcome.queue_id, reply=outcome.reply, again_in=wait)
