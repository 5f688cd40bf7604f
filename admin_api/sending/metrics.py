"""The metrics of sending: what became of hand-overs and copies, and how much waits. No mailbox is named.

What waits is asked of SQL when somebody reads the metrics, with a deadline: it is told even while the courier hangs.
"""

from collections.abc import Iterator
from contextlib import suppress
from math import nan

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from store.cache.deadline import DeadlineRunner, Unanswered
from store.errors import StoreNotReady, StoreUnavailable
from store.services.sending.copying import CopyOutcome
from store.services.sending.handing_over import Outcome
from store.services.sending.waiting import waiting
from store.sql.database import Database

_TIMEOUT = 1.0  # seconds for SQL to count
_AGAIN = "again"  # of what has not come to its end
_GAUGES = (
    ("byname_messages_waiting", "Messages of programs that the mail server does not have yet."),
    ("byname_messages_oldest_seconds", "Age of the oldest of them; 0 for none."),
    ("byname_sent_copies_waiting", "Copies of sent messages that are not in their folder yet."),
)


class SendingMetrics(Collector):
    """Counters of this process, and gauges over the whole store."""

    def __init__(self, registry: CollectorRegistry, database: Database) -> None:
        self._messages = Counter(
            "byname_messages", "Hand-overs of messages to the mail server.", ("outcome",), registry=registry
        )
        self._copies = Counter(
            "byname_sent_copies", "Attempts to keep a copy of a sent message.", ("outcome",), registry=registry
        )
        for outcome in ("sent", "refused", "unknown", _AGAIN):
            self._messages.labels(outcome)
        for outcome in ("kept", "failed", _AGAIN):
            self._copies.labels(outcome)
        self._ask = DeadlineRunner("messages-waiting", _TIMEOUT, places=1)
        self._database = database
        registry.register(self)

    def handed_over(self, outcome: Outcome) -> None:
        """Count a hand-over. Raises nothing."""
        with suppress(Exception):  # no figure is worth a mail
            self._messages.labels(outcome.state if outcome.wait is None else _AGAIN).inc()

    def copied(self, outcome: CopyOutcome) -> None:
        """Count an attempt to keep a copy. Raises nothing."""
        with suppress(Exception):
            self._copies.labels(outcome.state if outcome.wait is None else _AGAIN).inc()

    def describe(self) -> list[GaugeMetricFamily]:
        """Return the names of the gauges, without a look at SQL."""
        return [GaugeMetricFamily(name, what) for name, what in _GAUGES]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the gauges; NaN when SQL does not answer."""
        for family, value in zip(self.describe(), self._measured(), strict=True):
            family.add_metric([], value)
            yield family

    def _measured(self) -> tuple[float, float, float]:
        try:
            found = self._ask.ask(lambda: waiting(self._database))
        except (Unanswered, StoreUnavailable, StoreNotReady):
            return nan, nan, nan
        return found.messages, found.oldest_seconds, found.copies
