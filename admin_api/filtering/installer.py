"""The installer: threads of the API's process that bring scripts to the ManageSieve server, one mailbox after another.

It finds what is due in the store, so what another process left undone is done too. While the server cannot be reached,
one mailbox at a time is tried, in growing waits; trouble of one mailbox is that one's alone.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry, Counter

from admin_api.background import Worker
from admin_api.filtering.client import Server
from admin_api.filtering.errors import CommandRefused, LoginRefused, ManageSieveError, NoAnswer, ServerUnreachable
from admin_api.filtering.installing import install
from admin_api.filtering.marking import marked
from admin_api.filtering.planning import Plan, Wanted
from routing.filters.policy import FilterPolicy
from routing.filters.script import sieve_script
from store.clock import utc_now
from store.services.filters import installing
from store.services.filters.installing import Outcome, Task
from store.sql.database import Database
from store.sql.tables import INSTALLED, OFF, PENDING, SCRIPT_REFUSED
from store.sql.tenant import Acting

ACTING = Acting(actor="installer")
_LOOK = 1.0  # seconds between looks while nobody wakes it
_THREADS = 3
_MORE_THAN_A_SESSION = timedelta(seconds=30)
_LONGEST_WAIT = 600  # seconds between two attempts at a mailbox
_LONGEST_PAUSE = 30.0  # seconds between two attempts at a server that cannot be reached

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Site:
    """Where scripts go, and how they are written."""

    server: Server
    policy: FilterPolicy
    script: str  # its name
    recheck: timedelta

    @property
    def lease(self) -> timedelta:
        """How long a mailbox is held: longer than a session can last, so that no two write to one mailbox."""
        patience = self.server.patience
        return timedelta(seconds=patience.connect + patience.session) + _MORE_THAN_A_SESSION


def outcome_counter(registry: CollectorRegistry) -> Counter:
    """Return the metric of what became of mailboxes."""
    what = "Looks at the script of a mailbox on the ManageSieve server."
    return Counter("byname_filter_installations", what, ["outcome"], registry=registry)


class Installer(Worker):
    """Installs until the end of its block. A context manager."""

    def __init__(
        self, database: Database, site: Site, outcomes: Counter, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database, self._site, self._now = database, site, now
        self._pause = _Pause()
        self._outcomes = outcomes
        Worker.__init__(self, "installer", self.install_one, threads=_THREADS, look=_LOOK)

    def install_one(self) -> bool:
        """Bring the script of the mailbox to the server that has waited longest; False when none is due."""
        now = self._now()
        with self._database.read(ACTING) as tx:
            if not installing.is_due(tx, now):
                return False
        if self._pause.holds():
            return False
        with self._database.write(ACTING) as tx:
            task = installing.take(tx, self._site.policy, now, self._site.lease)
        if task is None:
            return False
        outcome, ended = self._outcome(task), self._now()
        with self._database.write(ACTING) as tx:
            counts = installing.note(tx, task, outcome, ended)
        if counts:
            self._tell(task, outcome)
        return True

    def _outcome(self, task: Task) -> Outcome:
        """Do it. Raises nothing that a server can cause."""
        wanted = self._wanted(task)
        try:
            made = install(self._site.server, task.mailbox, wanted)
        except ServerUnreachable as error:
            return _later("unreachable", error, self._pause.longer())
        except CommandRefused as error:
            self._pause.end()
            return Outcome(SCRIPT_REFUSED, self._site.recheck, "script-refused", str(error))
        except ManageSieveError as error:
            self._pause.end()
            return _later(_CODES[type(error)], error, min(2.0 ** min(task.attempts + 1, 10), _LONGEST_WAIT))
        except ValueError as error:  # the name of a person's script is one that no script can hold
            return Outcome(SCRIPT_REFUSED, self._site.recheck, "script-refused", f"it cannot be written: {error}")
        self._pause.end()
        return self._done(made, wanted)

    def _done(self, made: Plan, wanted: Wanted) -> Outcome:
        wait = None if made.state == OFF else self._site.recheck
        digest = hashlib.sha256(wanted.script(made.own)).hexdigest() if made.state == INSTALLED else None
        return Outcome(made.state, wait, made.code, made.reason, made.own, digest)

    def _wanted(self, task: Task) -> Wanted:
        def script(own: str | None) -> bytes:
            return marked(sieve_script(task.rules, self._site.policy, own_script=own))

        return Wanted(self._site.script, script, task.own_script, task.was_installed, task.asked)

    def _tell(self, task: Task, outcome: Outcome) -> None:
        """Count it, and log what is not as it was the last time."""
        self._outcomes.labels(outcome.code or outcome.state).inc()
        if (outcome.code, outcome.digest) == (task.code, task.installed_hash):
            return
        write = log.warning if outcome.code else log.info
        write("filters", mailbox=task.mailbox, state=outcome.state, code=outcome.code, reason=outcome.reason)


class _Pause:
    """While a server cannot be reached nobody asks it, but for one attempt now and then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._seconds = 0.0

    def holds(self) -> bool:
        """Tell whether to wait. Who is told no tries the server, and everybody else waits for what comes of it."""
        with self._lock:
            if self._seconds == 0:
                return False
            now = time.monotonic()
            if now < self._until:
                return True
            self._until = now + self._seconds
            return False

    def longer(self) -> float:
        """Wait longer than the last time, and return for how many seconds."""
        with self._lock:
            self._seconds = min(max(1.0, 2 * self._seconds), _LONGEST_PAUSE)
            self._until = time.monotonic() + self._seconds
            return self._seconds

    def end(self) -> None:
        """The server is there."""
        with self._lock:
            self._seconds = 0.0


_CODES: dict[type[ManageSieveError], str] = {NoAnswer: "no-answer", LoginRefused: "login-refused"}


def _later(code: str, error: ManageSieveError, seconds: float) -> Outcome:
    return Outcome(PENDING, timedelta(seconds=seconds), code, str(error), failed=True)
