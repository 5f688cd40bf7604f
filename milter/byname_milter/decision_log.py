"""One log line per decision: what an operator greps for at 3 a.m. Each is counted too."""

from typing import Any

from byname_milter.decision_metrics import DecisionMetrics
from byname_milter.message import Accepted
from routing.verdicts import Defer, Deliver, Reject


class DecisionLog:
    """Writes and counts the decisions of one SMTP connection."""

    def __init__(self, metrics: DecisionMetrics, log: Any) -> None:
        """``log`` is a bound logger of structlog's."""
        self.client = "local"  # IP address, or a socket's name
        self._metrics = metrics
        self._log = log

    def refusal(self, stage: str, refusal: Reject | Defer, **facts: Any) -> None:
        """Log a refusal at the stage ``sender``, ``recipient``, ``header`` or ``end-of-message``."""
        verdict = "reject" if isinstance(refusal, Reject) else "defer"
        self._metrics.decided(stage, verdict, refusal.rule)
        self._log.info(stage, **facts, client=self.client, verdict=verdict, rule=refusal.rule, reply=str(refusal.reply))

    def would_refuse(self, stage: str, refusal: Reject | Defer, **facts: Any) -> None:
        """Log and count a refusal that monitor mode does not make."""
        self._metrics.would_reject.add()
        self._metrics.decided(stage, "would-reject", refusal.rule)
        self._write(stage, facts, verdict="would-reject", rule=refusal.rule, reply=str(refusal.reply))

    def allowed(self, stage: str) -> None:
        """Count a sender who was let pass. It has no line of its own: the recipients have."""
        self._metrics.decided(stage, "allow", "allowed")

    def accepted(self, accepted: Accepted, **facts: Any) -> None:
        """Log an accepted recipient, once its message is accepted too."""
        verdict = accepted.verdict
        kind = "deliver" if isinstance(verdict, Deliver) else "not-ours"
        self._metrics.decided("recipient", kind, verdict.rule)
        self._write(
            "recipient",
            facts,
            rcpt=str(accepted.address or accepted.recipient.raw),
            verdict=kind,
            rule=verdict.rule,
            mailbox=str(verdict.target) if isinstance(verdict, Deliver) else None,
        )

    def failed(self) -> None:
        """Count a callback that failed."""
        self._metrics.failed()

    def _write(self, event: str, facts: dict[str, Any], **outcome: str | None) -> None:
        known = {**facts, "client": self.client, **outcome}
        self._log.info(event, **{key: value for key, value in known.items() if value is not None})
