"""Checks of domains' records: asking for one, doing it in three steps, and reading what the last one found.

A check is done outside any transaction: :func:`claim`, then the nameservers are asked, then :func:`finish`. One that a
killed process left behind is taken again after ABANDONED.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from store.dns.checking import Report
from store.dns.judging import Purpose, State
from store.dns.records import CheckedRecord
from store.errors import ServiceError
from store.services import lookup
from store.services.domain_checks import proof
from store.services.domains import view
from store.services.lookup import Ref, has_id
from store.services.views import Domain
from store.sql.tables import DONE, QUEUED, RUNNING, DnsCheckRow, DomainRow
from store.sql.tenant import Transaction

ABANDONED = timedelta(minutes=5)
KEPT = timedelta(days=7)
MOST_KEPT = 20  # of one domain


@dataclass(frozen=True, slots=True)
class DnsCheck:
    """A check. What follows ``finished_at`` is known when it is done."""

    id: int
    domain_id: int
    domain: str
    status: str  # queued, running or done
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    records: tuple[CheckedRecord, ...] = ()
    event: str | None = None  # what it led to: proved, parked, warned, lapsed, found-again, restored
    code: str | None = None  # domain-taken: another account has the name proved


@dataclass(frozen=True, slots=True)
class Task:
    """What to ask for, without a transaction."""

    check_id: int
    domain_id: int
    name: str
    token: str
    started_at: datetime


def domain_to_check(tx: Transaction, ref: Ref, *, account: str | None = None) -> Domain:
    """Return the domain that is meant: by name the one of ``account``, or the one that is proved, or the only one.

    Raises:
        ServiceError: ``not-found``; ``conflict`` when it is pending in several accounts.
    """
    found = [
        domain for domain in map(partial(view, tx), lookup.domain_ids(tx, ref)) if account in {None, domain.account}
    ]
    if not found:
        raise ServiceError("not-found", "this account has no such domain", field="name")
    if len(found) > 1 and found[0].verified_at is None:
        raise ServiceError("conflict", f"{found[0].name} is pending in {len(found)} accounts", field="account")
    return found[0]


def request(tx: Transaction, ref: Ref, now: datetime) -> DnsCheck:
    """Ask for a check. One that waits or runs already is returned instead of a new one.

    Raises:
        ServiceError: ``not-found``; ``domain-taken`` for a parked domain.
    """
    row = lookup.domain(tx, ref)
    proof.refuse_parked(tx, row)
    wanted = select(DnsCheckRow).where(DnsCheckRow.domain_id == row.id, _is_under_way(now))
    check = tx.scalars(wanted.order_by(DnsCheckRow.id)).first()
    if check is None:
        check = DnsCheckRow(domain_id=row.id, status=QUEUED, requested_at=now)
        tx.add(check)
        tx.flush()
    return as_view(check, row.name)


def under_way(tx: Transaction, domain_id: int, now: datetime) -> bool:
    """Return whether a check of a domain waits or runs."""
    wanted = select(DnsCheckRow.id).where(DnsCheckRow.domain_id == domain_id, _is_under_way(now))
    return tx.scalars(wanted.limit(1)).first() is not None


def get(tx: Transaction, check_id: int) -> DnsCheck:
    """Return a check. Raises ServiceError ``not-found``."""
    query = select(DnsCheckRow, DomainRow.name).join(DomainRow, DomainRow.id == DnsCheckRow.domain_id)
    found = tx.execute(query.where(has_id(DnsCheckRow.id, check_id))).one_or_none()
    if found is None:
        raise ServiceError("not-found", f"there is no check {check_id}")
    return as_view(*found)


def begin(tx: Transaction, ref: Ref, now: datetime) -> Task:
    """Make a check that is under way already. Raises ServiceError ``not-found``, ``conflict``."""
    row = lookup.domain(tx, ref)
    check = DnsCheckRow(domain_id=row.id, status=RUNNING, requested_at=now, started_at=now)
    tx.add(check)
    tx.flush()
    return Task(check.id, row.id, row.name, proof.token_of(tx, row.id), now)


def claim(tx: Transaction, check_id: int, now: datetime) -> Task | None:
    """Take a check that waits, or that was abandoned. None: another one has it, or its domain is gone."""
    free = or_(DnsCheckRow.status == QUEUED, _is_abandoned(now))
    mine = update(DnsCheckRow).where(DnsCheckRow.id == check_id, free).values(status=RUNNING, started_at=now)
    domain_id = tx.execute(mine.returning(DnsCheckRow.domain_id)).scalar_one_or_none()
    if domain_id is None:
        return None
    name = tx.scalars(select(DomainRow.name).where(DomainRow.id == domain_id)).one()
    return Task(check_id, domain_id, name, proof.token_of(tx, domain_id), now)


def finish(tx: Transaction, task: Task, report: Report, now: datetime) -> DnsCheck | None:
    """Let what was found take effect, and keep it. None when domain or check are gone."""
    check = tx.get(DnsCheckRow, task.check_id)
    if check is None:
        return None
    event = proof.apply(tx, task.domain_id, report.sighting, task.started_at)
    check.status, check.finished_at = DONE, now
    check.result = {"records": [asdict(record) for record in report.records], "event": event}
    tx.flush()
    _prune(tx, task, now)
    return as_view(check, task.name)


def _prune(tx: Transaction, task: Task, now: datetime) -> None:
    of_domain = DnsCheckRow.domain_id == task.domain_id
    newest = select(DnsCheckRow.id).where(of_domain).order_by(DnsCheckRow.id.desc()).limit(MOST_KEPT)
    old = or_(DnsCheckRow.requested_at < now - KEPT, DnsCheckRow.id.not_in(tx.scalars(newest).all()))
    done = and_(of_domain, DnsCheckRow.status == DONE, DnsCheckRow.id != task.check_id)
    tx.execute(delete(DnsCheckRow).where(done, old), execution_options={"synchronize_session": False})


def left_behind(tx: Transaction, now: datetime) -> list[int]:
    """Return the ids of checks that wait, or that a killed process left."""
    return list(tx.scalars(select(DnsCheckRow.id).where(or_(DnsCheckRow.status == QUEUED, _is_abandoned(now)))))


def _is_under_way(now: datetime) -> ColumnElement[bool]:
    return or_(DnsCheckRow.status == QUEUED, and_(DnsCheckRow.status == RUNNING, ~_is_abandoned(now)))


def _is_abandoned(now: datetime) -> ColumnElement[bool]:
    return and_(DnsCheckRow.status == RUNNING, DnsCheckRow.started_at < now - ABANDONED)


def as_view(row: DnsCheckRow, domain: str) -> DnsCheck:
    """Return a row as a view."""
    check = DnsCheck(row.id, row.domain_id, domain, row.status, row.requested_at, row.started_at, row.finished_at)
    if row.result is None:
        return check
    event = row.result["event"]
    code = "domain-taken" if event == proof.PARKED else None
    return replace(check, records=tuple(map(_record, row.result["records"])), event=event, code=code)


def _record(kept: dict[str, Any]) -> CheckedRecord:
    changed = {"purpose": Purpose(kept["purpose"]), "state": State(kept["state"]), "found": tuple(kept["found"])}
    return CheckedRecord(**(kept | changed))
