"""Copies of sent messages for their mailboxes' folders of sent mail: kept by a thread of its own, beside the courier.

A mailbox store that is slow or down so delays copies, and no message. A copy is tried again after growing waits, and
given up a day after its message was sent.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from admin_api.background import Worker
from admin_api.sending.imap import CopyFailed, SentFolder, keep
from admin_api.sending.metrics import SendingMetrics
from store.clock import utc_now
from store.services.sending import copying
from store.services.sending.copying import CopyOutcome, CopyToKeep
from store.sql.database import Database
from store.sql.tenant import Acting

ACTING = Acting(actor="sent copies")
LEASE = timedelta(minutes=2)  # one minute for what comes before the message (admin_api.sending.imap), one for that
GIVEN_UP = timedelta(hours=24)
_FIRST_WAIT, _LONGEST_WAIT = 10.0, 3600.0  # seconds
_LOOK = 5.0  # seconds

log = structlog.get_logger()


class SentCopies(Worker):
    """Keeps copies until the end of its block."""

    def __init__(
        self,
        database: Database,
        into: SentFolder,
        now: Callable[[], datetime] = utc_now,
        meters: SendingMetrics | None = None,
    ) -> None:
        logging.getLogger("imapclient").setLevel(logging.WARNING)  # it would write down what is said, logins too
        super().__init__("sent-copies", self.keep_one, threads=1, look=_LOOK)
        self._database, self._into, self._now, self._meters = database, into, now, meters

    def keep_one(self) -> bool:
        """Keep the copy that has waited longest; False when none is due."""
        now = self._now()
        with self._database.read(ACTING) as tx:
            if not copying.is_due(tx, now):
                return False
        with self._database.write(ACTING) as tx:
            taken = copying.take(tx, now, LEASE)
        if taken is None:
            return False
        outcome = _outcome(self._into, taken, now)
        with self._database.write(ACTING) as tx:
            counts = copying.note(tx, taken, outcome, self._now())
        if counts:
            self._tell(taken, outcome)
        return True

    def _tell(self, taken: CopyToKeep, outcome: CopyOutcome) -> None:
        if self._meters is not None:
            self._meters.copied(outcome)
        facts = {"message": taken.id, "login": taken.login, "message_id": taken.message_id}
        wait = None if outcome.wait is None else int(outcome.wait.total_seconds())
        write = log.info if outcome.is_kept else log.warning
        write("sent-copy", **facts, state=outcome.state, folder=outcome.folder, reason=outcome.reason, again_in=wait)


def _outcome(into: SentFolder, taken: CopyToKeep, now: datetime) -> CopyOutcome:
    if taken.content is None:
        return copying.failed("what the message said was not kept")
    try:
        return keep(into, taken)
    except CopyFailed as error:
        reason = str(error)
    except Exception:
        log.exception("sent-copies-failed", message=taken.id)
        reason = "an error of our own; the log has it"
    if now - taken.sent_at > GIVEN_UP:
        return copying.failed(f"given up after 24 hours; it failed last: {reason}")
    return copying.later(reason, wait_after(taken.attempt))


def wait_after(attempt: int) -> timedelta:
    """Return how long to wait after that many attempts."""
    seconds = _FIRST_WAIT * 2.0 ** min(attempt - 1, 20)
    return timedelta(seconds=min(seconds, _LONGEST_WAIT))
