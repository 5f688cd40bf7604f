"""One log line per decision: what an operator greps for at 3 a.m."""

import threading
from typing import Any

import structlog

from byname_milter.message import Accepted
from routing.verdicts import Defer, Deliver, Reject


class Count:
    """How often something happened, in all sessions of a process; they run in threads of their own."""

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


class DecisionLog:
    """Writes the decisions of one SMTP connection; ``would_reject`` counts what monitor mode lets pass."""

    def __init__(self, would_reject: Count) -> None:
        self.client = ""  # IP address, or a socket's name
        self._would_reject = would_reject
        self._log = structlog.get_logger()

    def refusal(self, stage: str, refusal: Reject | Defer, **facts: Any) -> None:
        """Log a refusal at the stage ``sender``, ``recipient``, ``header`` or ``end-of-message``."""
        verdict = "reject" if isinstance(refusal, Reject) else "defer"
        self._log.info(stage, **facts, client=self.client, verdict=verdict, rule=refusal.rule, reply=str(refusal.reply))

    def would_refuse(self, stage: str, refusal: Reject | Defer, **facts: Any) -> None:
        """Log and count a refusal that monitor mode does not make."""
        self._would_reject.add()
        self._write(stage, facts, verdict="would-reject", rule=refusal.rule, reply=str(refusal.reply))

    def accepted(self, accepted: Accepted, **facts: Any) -> None:
        """Log an accepted recipient, once its message is accepted too."""
        verdict = accepted.verdict
        self._write(
            "recipient",
            facts,
            rcpt=str(accepted.address or accepted.recipient.raw),
            verdict="deliver" if isinstance(verdict, Deliver) else "not-ours",
            rule=verdict.rule,
            mailbox=str(verdict.target) if isinstance(verdict, Deliver) else None,
        )

    def _write(self, event: str, facts: dict[str, Any], **outcome: str | None) -> None:
        known = {**facts, "client": self.client, **outcome}
        self._log.info(event, **{key: value for key, value in known.items() if value is not None})
