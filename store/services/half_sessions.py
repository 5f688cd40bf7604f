"""Half sessions: the password was right, the second factor is still to be shown. They may do nothing but that."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from store.services.sessions import Person, digest, new_secret, person_of
from store.sql.tables import HalfSessionRow
from store.sql.tenant import Transaction

LIFETIME = timedelta(minutes=5)
_UNSYNCHRONISED = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class HalfSession:
    """A half session that goes on."""

    id: int
    person: Person


def start(tx: Transaction, person: Person, now: datetime) -> str:
    """Begin one, and return its secret. Those that are over go."""
    tx.execute(
        delete(HalfSessionRow).where(HalfSessionRow.created_at <= now - LIFETIME), execution_options=_UNSYNCHRONISED
    )
    secret = new_secret()
    row = HalfSessionRow(sha256=digest(secret), admin_id=person.admin_id, mailbox_id=person.mailbox_id, created_at=now)
    tx.add(row)
    tx.flush()
    return secret


def find(tx: Transaction, secret: str, now: datetime) -> HalfSession | None:
    """Return the half session with that secret; None when there is none, or its time is over."""
    lasting = HalfSessionRow.created_at > now - LIFETIME
    row = tx.scalar(select(HalfSessionRow).where(HalfSessionRow.sha256 == digest(secret), lasting))
    person = None if row is None else person_of(tx, row.admin_id, row.mailbox_id)
    return None if row is None or person is None else HalfSession(row.id, person)


def end(tx: Transaction, half: HalfSession) -> bool:
    """End one, and return whether it was still there: of two that end it at once, one is told so."""
    ended: Any = tx.execute(
        delete(HalfSessionRow).where(HalfSessionRow.id == half.id), execution_options=_UNSYNCHRONISED
    )
    return bool(ended.rowcount)
