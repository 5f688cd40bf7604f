"""The directory of a site with a cache: Redis, else SQL, else Redis under grace (docs/design.md, section 6).

Where there is a replica of Redis beside this process, it is asked first (:mod:`store.cache.replica`).

No failure of theirs holds a decision longer than their timeout: 0.25 s for Redis, 1 s for SQL. SQL is asked through
workers; Redis over open connections, which keep the deadline by themselves, and through workers when there is none. A
backend that hangs costs that once a second, not every time.
"""

from collections.abc import Collection, Mapping
from math import nan
from time import monotonic

from routing.address import Address
from routing.directory import AffirmedFacts, Directory, LookupFailed
from routing.records import HostedDomain
from store.cache.deadline import DeadlineRunner, Unanswered
from store.cache.directory import TIMEOUT, WORKERS, Answer, NoEvidence, RedisDirectory
from store.cache.metrics import DirectoryMetrics
from store.cache.replica import ReplicaDirectory
from store.sql.pool_profiles import LOOKUP
from store.wire_format.lease import SECONDS

SQL_PATIENCE = 1.0  # seconds (docs/design.md, section 6)

PROBE = Address("postmaster", "probe.invalid")  # to see whether a backend answers at all

Facts = Mapping[str, HostedDomain]


class FallbackDirectory:
    """A :class:`routing.directory.Directory` over Redis and SQL; thread-safe, but not to be carried over a fork."""

    def __init__(
        self,
        cache: RedisDirectory,
        sql: Directory,
        metrics: DirectoryMetrics,
        replica: ReplicaDirectory | None = None,
    ) -> None:
        self._cache = cache
        self._replica = replica
        self._sql = sql
        self._meters = metrics
        self._ask_cache = DeadlineRunner("cache-lookup", TIMEOUT, WORKERS)
        self._ask_sql = DeadlineRunner("sql-lookup", SQL_PATIENCE, LOOKUP.pool_size)
        metrics.lease_age.set_function(self._lease_age)

    def lookup(self, wanted: Collection[Address]) -> Facts:
        """Answer from the cache if it is fresh, else from SQL, else with the cache's affirmed facts.

        Raises:
            LookupFailed: neither gave evidence.
        """
        started = monotonic()
        source = "none"
        try:
            source, facts = self._find(wanted)
        finally:
            self._meters.answered(source, monotonic() - started)
        return facts

    def health(self) -> Mapping[str, str]:
        """Return, for ``cache`` and ``sql``, "ok" or a token for what is wrong. One of them is enough for decisions."""
        return {"cache": self._cache_health(), "sql": self._sql_health()}

    def close(self) -> None:
        """End the workers and close the cache's connections. SQL is the caller's."""
        self._ask_cache.close()
        self._ask_sql.close()
        self._cache.close()
        if self._replica is not None:
            self._replica.close()

    def _find(self, wanted: Collection[Address]) -> tuple[str, Facts]:
        near = None if self._replica is None else self._replica.fresh(wanted)
        if near is not None:
            return "replica", near
        answer = self._from_cache(wanted)
        if answer is not None and answer.is_fresh:
            return "cache", answer.facts
        try:
            return "sql", self._from_sql(wanted)
        except LookupFailed:
            affirmed = _affirmed(answer)
            if affirmed is None:
                raise
            return "grace", affirmed

    def _from_cache(self, wanted: Collection[Address]) -> Answer | None:
        try:
            answer = self._ask_cache.ask(lambda: self._cache.read(wanted), lambda: self._cache.read_at_once(wanted))
        except (NoEvidence, Unanswered) as error:
            self._meters.fallbacks.labels(error.reason).inc()
            return None
        if not answer.is_fresh:
            self._meters.fallbacks.labels("no-lease").inc()
        return answer

    def _from_sql(self, wanted: Collection[Address]) -> Facts:
        try:
            return self._ask_sql.ask(lambda: self._sql.lookup(wanted))
        except Unanswered as error:
            self._meters.failures.labels(error.reason).inc()
            raise LookupFailed(f"the database gave no answer: {error.reason}") from error
        except LookupFailed:
            self._meters.failures.labels("error").inc()
            raise

    def _cache_health(self) -> str:
        try:
            return "no-lease" if self._ask_cache.ask(self._cache.lease_left) is None else "ok"
        except (NoEvidence, Unanswered) as error:
            return error.reason

    def _sql_health(self) -> str:
        try:
            self._ask_sql.ask(lambda: self._sql.lookup([PROBE]))
        except Unanswered as error:
            return error.reason
        except LookupFailed as error:
            return str(error)
        return "ok"

    def _lease_age(self) -> float:
        """Return the seconds since the lease was counted from; not a number without one."""
        try:
            left = self._ask_cache.ask(self._cache.lease_left)
        except (NoEvidence, Unanswered):
            return nan
        return nan if left is None else max(0.0, SECONDS - left)


def _affirmed(answer: Answer | None) -> AffirmedFacts | None:
    return None if answer is None else answer.affirmed()
