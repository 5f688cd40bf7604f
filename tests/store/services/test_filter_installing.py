"""Mailboxes whose script is due: held by one worker at a time, and an outcome counts only for what it was about."""

from datetime import datetime, timedelta

import pytest

from routing.filters.model import Action, Condition, Rule
from routing.filters.policy import FilterPolicy
from store.clock import utc_now
from store.services.filters import installing, rules, scripts
from store.services.filters.installing import Outcome, Task
from store.services.filters.views import FilterScript
from store.sql.database import Database

POLICY = FilterPolicy(installs=True)
JOHN = "john@brand-a.com"
RULE = Rule("Sales", "all", (Condition("subject", "is", "x"),), (Action("move", "Sales"),))
LEASE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DONE = Outcome("installed", HOUR, own_script="hers", digest="d" * 64)
REFUSED = Outcome("refused", HOUR, "script-refused", "line 3")


@pytest.fixture
def now(world: Database) -> datetime:
    """The time after John's rule was made."""
    with world.write() as tx:
        rules.add(tx, JOHN, RULE, POLICY)
    return utc_now()


def take(database: Database, at: datetime) -> Task | None:
    with database.write() as tx:
        is_due = installing.is_due(tx, at)
        taken = installing.take(tx, POLICY, at, LEASE)
    assert is_due is (taken is not None)
    return taken


def note(database: Database, task: Task | None, outcome: Outcome, at: datetime) -> bool:
    assert task is not None
    with database.write() as tx:
        return installing.note(tx, task, outcome, at)


def state(database: Database) -> FilterScript:
    with database.read() as tx:
        return scripts.state(tx, JOHN, POLICY)


def test_one_worker_holds_a_mailbox_until_its_time_is_over(world: Database, now: datetime) -> None:
    first = take(world, now)
    assert first is not None
    assert (first.mailbox, first.rules, first.was_installed, first.asked) == (JOHN, (RULE,), False, None)
    assert take(world, now + LEASE / 2) is None
    second = take(world, now + LEASE)
    assert not note(world, first, REFUSED, now + LEASE)
    assert note(world, second, DONE, now + LEASE)
    found = state(world)
    assert (found.state, found.code, found.own_script, found.installed_version) == ("installed", None, "hers", 1)
    assert take(world, now + HOUR) is None
    assert take(world, now + LEASE + HOUR) is not None


def test_what_is_changed_or_asked_meanwhile_stays_due(world: Database, now: datetime) -> None:
    held = take(world, now)
    with world.write() as tx:
        scripts.give_back(tx, JOHN, POLICY)
    assert take(world, now + LEASE / 2) is None  # it is in hand
    assert note(world, held, DONE, now)
    assert (state(world).state, state(world).installed_version) == ("pending", 1)
    given_back = take(world, utc_now())
    assert given_back is not None
    assert (given_back.asked, given_back.own_script, given_back.was_installed) == ("give_back", "hers", True)
    assert note(world, given_back, Outcome("off", None), now)
    assert (state(world).state, state(world).own_script, state(world).installed_version) == ("off", None, 0)
    assert take(world, now + 100 * HOUR) is None


def test_taking_over_is_asked_until_it_is_done(world: Database, now: datetime) -> None:
    with world.write() as tx:
        scripts.take_over(tx, JOHN, POLICY)
    asked = take(world, utc_now())
    assert asked is not None
    assert asked.asked == "take_over"
    assert note(world, asked, REFUSED, now)
    assert (state(world).state, state(world).code, state(world).reason) == ("refused", "script-refused", "line 3")
    again = take(world, now + HOUR)
    assert again is not None
    assert again.asked == "take_over"
    assert note(world, again, DONE, now + HOUR)
    once = take(world, now + 2 * HOUR)
    assert once is not None
    assert once.asked is None


def test_failures_are_counted_until_the_rules_change(world: Database, now: datetime) -> None:
    later = Outcome("pending", timedelta(0), "no-answer", "slow", failed=True)
    for attempts in range(3):
        task = take(world, now)
        assert task is not None
        assert (task.attempts, task.code) == (attempts, "no-answer" if attempts else None)
        assert note(world, task, later, now)
    with world.write() as tx:
        rules.add(tx, JOHN, RULE, POLICY)
    assert (state(world).attempts, state(world).code) == (0, None)
