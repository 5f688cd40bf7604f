"""The way of a mailbox's script to the mail store: taken in hand, installed, its outcome noted; taken over, given back.

A row of ``filter_scripts`` that is due waits for a worker. Who takes it holds it for a while, so that several processes
share the work; one whose hold is over is told so when it notes an outcome. docs/filters.md has the table of states.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, or_, select

from routing.filters.model import Rule
from store.services import audit, lookup
from store.services.filters.reading import rules_of
from store.services.lookup import FoundMailbox, Ref
from store.sql.tables import INSTALLED, OFF, PENDING, FilterScriptRow
from store.sql.tenant import Transaction

Asked = Literal["take_over", "give_back"]


@dataclass(frozen=True, slots=True)
class Script:
    """A mailbox's script as people are told of it."""

    state: str  # off, pending, installed, refused, foreign
    code: str | None  # why it is not installed
    reason: str | None  # the same in words; the server's own where it said them
    own_script: str | None  # the person's script that runs after the rules
    asked: Asked | None  # an act of a person that is not carried out yet
    next_try: datetime | None
    installed_at: datetime | None
    is_current: bool  # what is installed is what the rules say


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


def status(tx: Transaction, mailbox_id: int) -> Script | None:
    """Return how far a mailbox's script has come; None where there never was a rule."""
    row = tx.get(FilterScriptRow, mailbox_id)
    return None if row is None else _script(row)


def take_over(tx: Transaction, ref: Ref, now: datetime) -> Script:
    """Let our script run in the place of what is active, which it includes; also after it was given back.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    return _ask(tx, lookup.mailbox(tx, ref, lock=True), now, "filters.take-over", enabled=True)


def give_back(tx: Transaction, ref: Ref, now: datetime) -> Script:
    """Let the person's own script run again and remove ours. The rules stay, and are not installed any more.

    Raises:
        ServiceError: ``invalid-request``, ``not-found``.
    """
    return _ask(tx, lookup.mailbox(tx, ref, lock=True), now, "filters.give-back", enabled=False)


def is_due(tx: Transaction, now: datetime) -> bool:
    """Tell whether there is a mailbox to take in hand."""
    return tx.scalar(select(FilterScriptRow.mailbox_id).where(*_due(now)).limit(1)) is not None


def take(tx: Transaction, now: datetime, lease: timedelta) -> Task | None:
    """Take the mailbox in hand that has waited longest; None when none is due."""
    due = select(FilterScriptRow).where(*_due(now)).order_by(FilterScriptRow.due_at, FilterScriptRow.mailbox_id)
    row = tx.scalar(due.limit(1).with_for_update(skip_locked=True))
    if row is None:
        return None
    row.holds, row.held_until = row.holds + 1, now + lease
    tx.flush()
    return Task(
        mailbox_id=row.mailbox_id,
        hold=row.holds,
        mailbox=lookup.mailbox(tx, row.mailbox_id).text,
        version=row.wanted_version,
        rules=rules_of(tx, row.mailbox_id),
        own_script=row.own_script,
        was_installed=row.installed_version > 0,
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


def _ask(tx: Transaction, found: FoundMailbox, now: datetime, action: str, *, enabled: bool) -> Script:
    row = tx.get(FilterScriptRow, found.mailbox.id, with_for_update=True)
    before = None if row is None else _script(row)
    if row is None:
        row = FilterScriptRow(mailbox_id=found.mailbox.id, changed_at=now)
        tx.add(row)
    row.enabled, row.take_over = enabled, enabled
    row.state, row.code, row.reason, row.attempts, row.due_at = PENDING, None, None, 0, now
    tx.flush()
    after = _script(row)
    audit.note(tx, action, "mailbox", found.mailbox.id, found.text, before, after, account_id=found.account.id)
    return after


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    free = or_(FilterScriptRow.held_until.is_(None), FilterScriptRow.held_until <= now)
    return FilterScriptRow.due_at <= now, free


def _asked(row: FilterScriptRow) -> Asked | None:
    if not row.enabled:
        return "give_back"
    return "take_over" if row.take_over else None


def _script(row: FilterScriptRow) -> Script:
    return Script(
        state=row.state,
        code=row.code,
        reason=row.reason,
        own_script=row.own_script,
        asked=None if row.state == OFF else _asked(row),
        next_try=row.due_at,
        installed_at=row.installed_at,
        is_current=row.installed_version == row.wanted_version,
    )
