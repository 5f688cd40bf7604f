"""Tidying: rows whose time is over go, in small transactions that keep nobody waiting (``byname daily``).

Most of them also go by the way, when others of their kind come. This is for sites where few come, and for the audit
log, which is kept for as long as the operator says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select

from store.clock import rfc3339, utc_now
from store.services import audit, challenges, half_sessions, idempotency, sign_in_attempts
from store.services.importing import kept
from store.services.sending import accepting
from store.services.sessions import Lifetimes
from store.sql.database import Database
from store.sql.tables import (
    AuditRow,
    Base,
    ChallengeRow,
    DeleteIntentRow,
    HalfSessionRow,
    IdempotencyKeyRow,
    ImportRow,
    MessageRow,
    SessionRow,
    SignInAttemptRow,
)
from store.sql.tenant import OPERATOR, Acting

AT_ONCE = 500  # rows in one transaction


@dataclass(frozen=True, slots=True)
class Pruned:
    """What the audit log says of its own pruning."""

    before: str  # RFC 3339
    entries: int


def tidy(database: Database, lifetimes: Lifetimes) -> dict[str, int]:
    """Remove all rows whose time is over; return how many of each table."""
    return {
        table.__tablename__: sum(_removed(database, table, over)) for table, over in _over(utc_now(), lifetimes).items()
    }


def prune_audit_log(database: Database, before: datetime, acting: Acting = OPERATOR) -> int:
    """Remove the entries of the audit log from before a moment, and write down that it was done; return how many.

    Raises:
        StoreUnavailable, StoreNotReady: it could not be finished; what is gone by then is gone.
    """
    removed = sum(_removed(database, AuditRow, AuditRow.at < before))
    if removed:
        with database.write(acting) as tx:
            told = Pruned(rfc3339(before), removed)
            audit.note(tx, "audit.prune", "audit", 0, "audit log", None, told, account_id=None)
    return removed


def count_audit_log(database: Database, before: datetime) -> int:
    """Return how many entries of the audit log are from before a moment."""
    with database.read() as tx:
        return tx.scalar(select(func.count()).select_from(AuditRow).where(AuditRow.at < before)) or 0


def _over(now: datetime, lifetimes: Lifetimes) -> Mapping[type[Base], ColumnElement[bool]]:
    idle, old = SessionRow.seen_at <= now - lifetimes.idle, SessionRow.created_at <= now - lifetimes.longest
    return {
        SessionRow: or_(idle, old),
        HalfSessionRow: HalfSessionRow.created_at <= now - half_sessions.LIFETIME,
        ChallengeRow: ChallengeRow.created_at <= now - challenges.LIFETIME,
        SignInAttemptRow: sign_in_attempts.forgotten(now),
        IdempotencyKeyRow: IdempotencyKeyRow.created_at <= now - idempotency.KEPT,
        DeleteIntentRow: DeleteIntentRow.expires_at <= now - timedelta(days=1),
        ImportRow: ImportRow.created_at < now - kept.KEPT,
        MessageRow: (MessageRow.created_at < now - accepting.KEPT) & MessageRow.ended_at.is_not(None),
    }


def _removed(database: Database, table: type[Base], over: ColumnElement[bool]) -> Iterator[int]:
    """Remove rows, and yield after each transaction how many."""
    key = table.__table__.c.id
    some = select(key).where(over).order_by(key).limit(AT_ONCE)
    while True:
        with database.write() as tx:
            ids = tx.scalars(some).all()
            tx.execute(delete(table).where(key.in_(ids)), execution_options={"synchronize_session": False})
        yield len(ids)
        if len(ids) < AT_ONCE:
            return
