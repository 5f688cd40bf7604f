"""The status of the relay: Prometheus metrics, and its health with the reason when it is bad.

Counting is memory only. How much waits in the outbox is asked of SQL when somebody reads the metrics, in a thread of
its own and with a deadline, so that it is reported even while the relay itself hangs, and never holds the relay up.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import nan
from time import monotonic, time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from store.cache.deadline import DeadlineRunner, Unanswered
from store.clock import utc_now
from store.errors import StoreNotReady, StoreUnavailable
from store.relay.report import Report
from store.relay.source import Change
from store.relay.steps import Step, is_safe
from store.sql.database import Database
from store.sql.tables import OutboxRow
from store.wire_format.lease import SECONDS as LEASE_SECONDS

_TIMEOUT = 1.0  # seconds for SQL to count what waits
_NOTHING_YET = "no step has ended since"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class RelayStatus:
    """Metrics and health of one relay. The relay's thread writes, any other reads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._meters = _RelayMetrics(registry)
        self._outbox = _Outbox()
        self._begun = monotonic()
        self._leased_at: float | None = None
        self._reason = _NOTHING_YET
        registry.register(self._outbox)

    @contextmanager
    def over(self, database: Database) -> Iterator[None]:
        """Count the outbox of ``database`` for the length of a block."""
        self._outbox.database = database
        try:
            yield
        finally:
            self._outbox.database = None

    def stepped(self, step: Step, begun: float) -> None:
        """Note a step that was finished; ``begun`` is when it was begun, by the monotonic clock."""
        with suppress(Exception):  # no figure is worth the relay
            self._meters.stepped(step)
        if step.is_leased:
            self._leased_at, self._reason = begun, _NOTHING_YET
        else:
            self._reason = _reason(step)

    def failed(self, reason: str) -> None:
        """Note a step that SQL or Redis ended early."""
        self._meters.failures.inc()
        self._reason = reason

    def rebuilt(self, report: Report) -> None:
        """Note a rebuild that was finished."""
        self._meters.rebuilds.inc()
        self._meters.repairs.inc(report.repaired)

    def audited(self, report: Report) -> None:
        """Note an audit that was finished."""
        self._meters.audits.inc()
        self._meters.repairs.inc(report.repaired)
        self._meters.last_audit.set(time())

    def health(self) -> Mapping[str, str]:
        """Return "ok" for ``lease`` while the relay gives one, else why not."""
        known = self._leased_at
        if known is not None and monotonic() - known < LEASE_SECONDS:
            return {"lease": "ok"}
        silent = monotonic() - (self._begun if known is None else known)
        return {"lease": f"not given for {silent:.0f} s: {self._reason}"}


class _RelayMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str) -> Counter:
            return Counter(name, what, registry=registry)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(name, what, registry=registry)

        self.propagation = Histogram(
            "byname_propagation_seconds",
            "Age of a change when the cache had it and the outbox said so; one for each change and step.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.fields = counter("byname_relay_fields", "Outbox rows brought to the cache.")
        self.renewals = counter("byname_relay_lease_renewals", "Times that the lease was given or renewed.")
        self.failures = counter("byname_relay_failures", "Steps that a failure of SQL or Redis ended.")
        self.rebuilds = counter("byname_relay_rebuilds", "Rebuilds of the cache that were finished.")
        self.audits = counter("byname_relay_audits", "Comparisons of the whole cache with SQL that were finished.")
        self.repairs = counter("byname_relay_repaired_fields", "Fields that audits and rebuilds put right.")
        self.last_audit = gauge("byname_relay_last_audit_timestamp_seconds", "When an audit ended last; 0: never yet.")
        self.last_step = gauge("byname_relay_last_step_timestamp_seconds", "When a step was finished last; 0: never.")
        self.noeviction = gauge(
            "byname_cache_noeviction", "1 while Redis runs with maxmemory-policy noeviction, else 0."
        )
        self.noeviction.set(nan)  # nobody has looked yet

    def stepped(self, step: Step) -> None:
        self.last_step.set(time())
        self.noeviction.set(step.state.policy == "noeviction")
        self.fields.inc(len(step.applied))
        self.renewals.inc(step.is_leased)
        for seconds in _ages(step.applied):
            self.propagation.observe(seconds)


class _Outbox(Collector):
    """A collector that counts pending outbox rows in SQL at each scrape; NaN when SQL does not answer."""

    def __init__(self) -> None:
        self.database: Database | None = None
        self._ask = DeadlineRunner("outbox-depth", _TIMEOUT, places=1)

    def describe(self) -> list[GaugeMetricFamily]:
        """Return the names, without a look at SQL."""
        return self._families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return both metrics."""
        for family, value in zip(self._families(), self._measured(), strict=True):
            family.add_metric([], value)
            yield family

    def _families(self) -> list[GaugeMetricFamily]:
        rows, seconds = "Changed fields that the cache does not have yet.", "Age of the oldest of them; 0 for none."
        return [
            GaugeMetricFamily("byname_outbox_rows", rows),
            GaugeMetricFamily("byname_outbox_oldest_seconds", seconds),
        ]

    def _measured(self) -> tuple[float, float]:
        database = self.database
        if database is None:
            return nan, nan
        try:
            return self._ask.ask(lambda: _waiting(database))
        except (Unanswered, StoreUnavailable, StoreNotReady):
            return nan, nan


def _waiting(database: Database) -> tuple[float, float]:
    query = select(func.count(), func.min(OutboxRow.created_at)).where(OutboxRow.applied_at.is_(None))
    with database.read() as tx:
        count, oldest = tx.execute(query).one()
    return count, 0.0 if oldest is None else max(0.0, (utc_now() - oldest).total_seconds())


def _ages(changes: Sequence[Change]) -> list[float]:
    """Return how long ago each change was written; its rows are of one moment and have one nonce."""
    written = {change.nonce: change.created_at for change in changes}
    now = utc_now()
    return [max(0.0, (now - moment).total_seconds()) for moment in written.values() if moment is not None]


def _reason(step: Step) -> str:
    if step.distrust is not None:
        return f"the cache must be rebuilt: {step.distrust}"
    if not is_safe(step.state.policy):
        return f"Redis has the maxmemory-policy {step.state.policy}"
    return "changes wait for the cache"
