"""Checking domains: the only place where services ask the DNS. Never within a transaction."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

import structlog

from store.clock import utc_now
from store.dns.checking import Report, check
from store.dns.proof import Event
from store.dns.records import Expected
from store.dns.resolvers import Resolvers
from store.errors import ServiceError, StoreUnavailable
from store.services.domain_checks import checks, proof, schedule
from store.services.domain_checks.checks import DnsCheck, Task
from store.services.domain_checks.proof import PARKED
from store.services.lookup import Ref
from store.services.views import Domain
from store.sql.database import Database
from store.sql.tenant import Acting

ACTING = Acting(actor="dns check")
_AT_ONCE = 4  # domains
_TO_BE_WARNED_OF = frozenset({Event.WARNED, Event.LAPSED, PARKED})

log = structlog.get_logger()


class DomainChecker:
    """Checks domains of one store with one set of nameservers. Safe for several threads."""

    def __init__(
        self,
        database: Database,
        resolvers: Resolvers,
        expected: Expected,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.resolvers = resolvers
        self.expected = expected
        self._database = database
        self._now = now

    def look(self, ref: Ref, *, account: str | None = None) -> tuple[Domain, Report]:
        """Return a domain and what the DNS says about it now, and change nothing.

        Raises:
            ServiceError: ``not-found``; ``conflict`` when it is pending in several accounts.
        """
        with self._database.read() as tx:
            domain = checks.domain_to_check(tx, ref, account=account)
            token = proof.token_of(tx, domain.id)
        return domain, check(domain.name, token, self.expected, self.resolvers)

    def run(self, check_id: int) -> DnsCheck | None:
        """Do a check that was asked for. None: another one does it, or its domain is gone."""
        with self._database.write(ACTING) as tx:
            task = checks.claim(tx, check_id, self._now())
        return None if task is None else self._do(task)

    def verify(self, ref: Ref, *, account: str | None = None) -> DnsCheck | None:
        """Check a domain now. None: it went away meanwhile. Raises ServiceError ``not-found``, ``conflict``."""
        with self._database.write(ACTING) as tx:
            task = checks.begin(tx, checks.domain_to_check(tx, ref, account=account).id, self._now())
        return self._do(task)

    def verify_due(self, every: timedelta) -> Iterator[DnsCheck]:
        """Do the checks that are left over, then those that are due; yield what was done, some at a time."""
        with self._database.read() as tx:
            left = checks.left_behind(tx, self._now())
        yield from self._some_at_once(self.run, left)
        with self._database.read() as tx:
            wanted = schedule.due(tx, every, self._now())
        yield from self._some_at_once(self._verify_if_there, wanted)

    def _some_at_once(self, do: Callable[[int], DnsCheck | None], ids: Iterable[int]) -> Iterator[DnsCheck]:
        with ThreadPoolExecutor(_AT_ONCE, "domain") as pool:
            yield from filter(None, pool.map(do, ids))

    def _verify_if_there(self, domain_id: int) -> DnsCheck | None:
        with suppress(ServiceError):  # removed since it was found due
            return self.verify(domain_id)
        return None

    def _do(self, task: Task) -> DnsCheck | None:
        report = check(task.name, task.token, self.expected, self.resolvers)
        with self._database.write(ACTING) as tx:
            done = checks.finish(tx, task, report, self._now())
        if done is not None and done.event is not None:
            write_log = log.warning if done.event in _TO_BE_WARNED_OF else log.info
            write_log(f"domain-{done.event}", domain=task.name, domain_id=task.domain_id)
        return done


class CheckQueue:
    """Does the checks that are put into it, a few at a time, in threads that do not hold up the end of the process.

    What it does not come to is done by the next ``byname domain verify --due``. A thread without work ends.
    """

    def __init__(self, checker: DomainChecker, threads: int = _AT_ONCE, idle: float = 30.0) -> None:
        self._checker = checker
        self._waiting: SimpleQueue[int] = SimpleQueue()
        self._threads = threads
        self._idle = idle  # seconds
        self._running = 0
        self._lock = threading.Lock()

    def put(self, check_id: int) -> None:
        """Have a check done soon."""
        self._waiting.put(check_id)
        with self._lock:
            if self._running < self._threads:
                self._running += 1
                threading.Thread(target=self._work, name="dns-check", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                check_id = self._waiting.get(timeout=self._idle)
            except Empty:
                if self._has_ended():
                    return
                continue
            self._run(check_id)

    def _has_ended(self) -> bool:
        """Tell whether a thread may go: not if something came since it looked."""
        with self._lock:
            if not self._waiting.empty():
                return False
            self._running -= 1
            return True

    def _run(self, check_id: int) -> None:
        try:
            self._checker.run(check_id)
        except StoreUnavailable as error:
            log.warning("dns-check-failed", check=check_id, reason=str(error))
        except Exception:
            log.exception("dns-check-failed", check=check_id)
