"""What the relay says of itself: when it is ready, why it is not, and that no figure is worth the relay."""

import re
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from prometheus_client import CollectorRegistry

from store.relay.report import Report
from store.relay.source import Change
from store.relay.status import RelayStatus
from store.relay.steps import Step
from store.relay.target import State
from store.wire_format.lease import SECONDS

GOOD = State(0, "run", "noeviction")
WAITING = Step(GOOD, is_all=False)
EMPTIED = Step(GOOD, distrust="it was never built, or was emptied")
EVICTING = Step(State(0, "run", "allkeys-lru"))
LEASED = Step(GOOD, is_leased=True)


def test_not_ready_before_the_first_step() -> None:
    assert RelayStatus(CollectorRegistry()).health() == {"lease": "not given for 0 s: no step has ended since"}


def test_ready_while_the_lease_of_the_last_step_lives() -> None:
    watch = RelayStatus(CollectorRegistry())
    watch.stepped(LEASED, monotonic())
    assert watch.health() == {"lease": "ok"}
    watch.failed("the cache cannot be reached")
    assert watch.health() == {"lease": "ok"}
    watch.stepped(LEASED, monotonic() - SECONDS - 7)
    assert watch.health() == {"lease": "not given for 12 s: no step has ended since"}


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (WAITING, "changes wait for the cache"),
        (EMPTIED, "the cache must be rebuilt: it was never built, or was emptied"),
        (EVICTING, "Redis has the maxmemory-policy allkeys-lru"),
    ],
)
def test_why_there_is_no_lease(step: Step, reason: str) -> None:
    watch = RelayStatus(CollectorRegistry())
    watch.stepped(step, monotonic())
    assert re.fullmatch(rf"not given for \d s: {re.escape(reason)}", watch.health()["lease"])


def change(nonce: str, written: datetime | None) -> Change:
    return Change(1, nonce, "brand-b.com", "sales", "1 x", written)


def test_each_change_counts_once_however_many_fields_it_has() -> None:
    registry = CollectorRegistry()
    watch = RelayStatus(registry)
    moment = datetime.now(UTC) - timedelta(seconds=3)
    applied = [change("a", moment), change("a", moment), change("b", moment), change("c", None)]
    watch.stepped(Step(GOOD, applied, is_leased=True), monotonic())
    assert registry.get_sample_value("byname_relay_fields_total") == 4
    assert registry.get_sample_value("byname_propagation_seconds_count") == 2
    assert registry.get_sample_value("byname_propagation_seconds_bucket", {"le": "2.0"}) == 0
    assert registry.get_sample_value("byname_propagation_seconds_bucket", {"le": "5.0"}) == 2


def test_a_clock_that_is_ahead_makes_no_negative_age() -> None:
    registry = CollectorRegistry()
    RelayStatus(registry).stepped(Step(GOOD, [change("a", datetime.now(UTC) + timedelta(hours=1))]), monotonic())
    assert registry.get_sample_value("byname_propagation_seconds_sum") == 0


def test_what_cannot_be_counted_costs_nothing() -> None:
    watch = RelayStatus(CollectorRegistry())
    naive = datetime.now()  # cannot be held against an aware moment
    watch.stepped(Step(GOOD, [change("a", naive)], is_leased=True), monotonic())
    assert watch.health() == {"lease": "ok"}


def test_rebuilds_and_audits() -> None:
    registry = CollectorRegistry()
    watch = RelayStatus(registry)
    watch.rebuilt(Report(repaired=2))
    assert registry.get_sample_value("byname_relay_last_audit_timestamp_seconds") == 0
    watch.audited(Report(repaired=3))
    found = [f"byname_relay_{name}_total" for name in ("rebuilds", "audits", "repaired_fields")]
    assert [registry.get_sample_value(name) for name in found] == [1, 1, 5]
    assert (registry.get_sample_value("byname_relay_last_audit_timestamp_seconds") or 0) > 0
