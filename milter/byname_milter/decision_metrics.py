"""Counting decisions, in all sessions of a process: for Prometheus, and for the log of monitor mode.

Labels are slugs of our own tables, never a name of anybody. No count is worth a mail: what cannot be counted is not.
"""

import contextlib
import threading

from prometheus_client import CollectorRegistry, Counter

from routing.sender import Role

# The stage of the dialogue at which something was decided, and about whom that was.
_FLOWS = {"sender": "sender", "header": "sender", "recipient": "recipient", "end-of-message": "recipient"}


class Count:
    """How often something happened; sessions run in threads of their own."""

    def __init__(self) -> None:
        self._number = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        """It happened once more."""
        with self._lock:
            self._number += 1

    def take(self) -> int:
        """Return the number and begin anew."""
        with self._lock:
            number, self._number = self._number, 0
            return number


class DecisionMetrics:
    """The decisions of one milter process, and the bugs that it came upon."""

    def __init__(self, role: Role, registry: CollectorRegistry) -> None:
        self.would_reject = Count()  # in monitor mode, since it was logged last
        self._role = str(role)
        self._decisions = Counter(
            "byname_decisions",
            "Decisions by verdict and the rule behind it; accepted recipients once their message is accepted.",
            ["role", "flow", "verdict", "rule"],
            registry=registry,
        )
        self._bugs = Counter(
            "byname_callback_failures",
            "Callbacks that ended in an exception and so in 451; each is a bug, and the log has its traceback.",
            ["role"],
            registry=registry,
        )
        self._bugs.labels(self._role)
        self._known: dict[tuple[str, str, str], Counter] = {}  # a fourth of what prometheus_client's own look-up costs

    def decided(self, stage: str, verdict: str, rule: str) -> None:
        """Count a decision made at ``stage``: sender, recipient, header or end-of-message."""
        with contextlib.suppress(Exception):
            known = self._known.get((stage, verdict, rule))
            if known is None:
                known = self._decisions.labels(self._role, _FLOWS[stage], verdict, rule)
                self._known[stage, verdict, rule] = known
            known.inc()

    def failed(self) -> None:
        """Count a callback that failed."""
        with contextlib.suppress(Exception):
            self._bugs.labels(self._role).inc()
