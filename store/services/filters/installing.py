"""The way of a mailbox's script to the mail store: taken in hand, installed, its outcome noted.

A row of ``filter_scripts`` that is due waits for a worker. Who takes it holds it for a while, so that several processes
share the work; one whose hold is over is told so when it notes an outcome. docs/filters.md has the table of states.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, or_, select

from routing.filters.model import Rule
from routing.filters.policy import FilterPolicy
from store.services import lookup
from store.services.filters.scripts import wanted_rules
from store.sql.tables import INSTALLED, OFF, FilterScriptRow
from store.sql.tenant import Transaction

Asked = Literal["take_over", "give_back"]


@dataclass(frozen=True, slots=True)
class Task:
    """A mailbox that this worker has in hand."""

    mailbox_id: int
    hold: int  # whoever takes it next counts on
    mailbox: str
    version: int
    rules: tuple[Rule, ...]
    own_script: str | None
    was_installed: bool
    installed_hash: str | None
    code: str | None  # of the state until now
    asked: Asked | None
    attempts: int  # that failed since the last change


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    state: str
    wait: timedelta | None  # until the next look; None: there is none
    code: str | None = None
    reason: str | None = None
    own_script: str | None = None
    digest: str | None = None  # of what is installed, if it is
    failed: bool = False  # the next wait is longer


def is_due(tx: Transaction, now: datetime) -> bool:
    """Tell whether there is a mailbox to take in hand."""
    return tx.scalar(select(FilterScriptRow.mailbox_id).where(*_due(now)).limit(1)) is not None


def take(tx: Transaction, policy: FilterPolicy, now: datetime, lease: timedelta) -> Task | None:
    """Take the mailbox in hand that has waited longest; None when none is due."""
    due = select(FilterScriptRow).where(*_due(now)).order_by(FilterScriptRow.due_at, FilterScriptRow.mailbox_id)
    row = tx.scalar(due.limit(1).with_for_update(skip_locked=True))
    if row is None:
        return None
    row.holds, row.held_until = row.holds + 1, now + lease
    tx.flush()
    found = lookup.mailbox(tx, row.mailbox_id)
    return Task(
        mailbox_id=row.mailbox_id,
        hold=row.holds,
        mailbox=found.text,
        version=row.wanted_version,
        rules=wanted_rules(tx, found, policy)[0],
        own_script=row.own_script,
        was_installed=row.installed_version > 0,
        installed_hash=row.installed_hash,
        code=row.code,
        asked=_asked(row),
        attempts=row.attempts,
    )


def note(tx: Transaction, task: Task, outcome: Outcome, now: datetime) -> bool:
    """Write down what became of a mailbox, and return whether that counts: not once somebody else took it in hand.

    What was changed or asked for meanwhile stays due.
    """
    row = tx.scalar(select(FilterScriptRow).where(FilterScriptRow.mailbox_id == task.mailbox_id).with_for_update())
    if row is None or row.holds != task.hold:
        return False
    row.held_until = None
    is_newest = row.wanted_version == task.version and _asked(row) == task.asked
    _note_server(row, task, outcome, now)
    if is_newest:
        row.state, row.code, row.reason = outcome.state, outcome.code, outcome.reason
        row.attempts = row.attempts + 1 if outcome.failed else 0
        row.due_at = None if outcome.wait is None else now + outcome.wait
    return True


def _note_server(row: FilterScriptRow, task: Task, outcome: Outcome, now: datetime) -> None:
    """Write down what the server has now."""
    if outcome.state == INSTALLED:
        if row.installed_hash != outcome.digest:
            row.installed_at = now
        row.installed_version, row.installed_hash, row.own_script = task.version, outcome.digest, outcome.own_script
        if task.asked == "take_over":
            row.take_over = False
    elif outcome.state == OFF:
        row.installed_version, row.installed_hash, row.own_script, row.installed_at = 0, None, None, None


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    free = or_(FilterScriptRow.held_until.is_(None), FilterScriptRow.held_until <= now)
    return FilterScriptRow.due_at <= now, free


def _asked(row: FilterScriptRow) -> Asked | None:
    if not row.enabled:
        return "give_back"
    return "take_over" if row.take_over else None
