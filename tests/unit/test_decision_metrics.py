"""Counting decisions: what is counted, and that no count is worth a mail."""

from prometheus_client import CollectorRegistry, generate_latest

from byname_milter.decision_metrics import DecisionMetrics
from routing.sender import Role


def lines(registry: CollectorRegistry) -> list[str]:
    text = generate_latest(registry).decode()
    return [line for line in text.splitlines() if "_total{" in line]


def test_decisions_by_role_flow_verdict_and_rule() -> None:
    registry = CollectorRegistry()
    tally = DecisionMetrics(Role.SUBMISSION, registry)
    tally.decided("sender", "allow", "allowed")
    tally.decided("header", "allow", "allowed")
    tally.decided("header", "reject", "sender-not-owned")
    tally.decided("recipient", "defer", "no-evidence")
    tally.decided("end-of-message", "defer", "decision-changed")
    tally.failed()
    start = 'byname_decisions_total{flow="'
    assert lines(registry) == [
        f'{start}sender",role="submission",rule="allowed",verdict="allow"}} 2.0',
        f'{start}sender",role="submission",rule="sender-not-owned",verdict="reject"}} 1.0',
        f'{start}recipient",role="submission",rule="no-evidence",verdict="defer"}} 1.0',
        f'{start}recipient",role="submission",rule="decision-changed",verdict="defer"}} 1.0',
        'byname_callback_failures_total{role="submission"} 1.0',
    ]


def test_what_cannot_be_counted_is_not() -> None:
    registry = CollectorRegistry()
    DecisionMetrics(Role.INBOUND, registry).decided("a stage that nobody knows", "reject", "unknown")
    assert lines(registry) == ['byname_callback_failures_total{role="inbound"} 0.0']


def test_monitor_mode_takes_its_own_count() -> None:
    tally = DecisionMetrics(Role.INBOUND, CollectorRegistry())
    tally.would_reject.add()
    tally.would_reject.add()
    assert [tally.would_reject.take(), tally.would_reject.take()] == [2, 0]
