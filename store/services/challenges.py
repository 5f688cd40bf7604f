"""Challenges for passkeys: random bytes to be signed, kept here, bound to one browser, good once and for minutes."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, select

from store.sql.tables import ChallengeRow
from store.sql.tenant import Transaction

LIFETIME = timedelta(minutes=5)
_BYTES = 32
_UNSYNCHRONISED = {"synchronize_session": False}


def issue(tx: Transaction, purpose: str, holder: str, now: datetime) -> bytes:
    """Return a new challenge in the place of any earlier one of the same holder; those that are over go.

    Args:
        purpose: what an answer will do.
        holder: a secret of the browser that may answer, such as its cookie.
    """
    key, made = _key(purpose, holder), secrets.token_bytes(_BYTES)
    gone = (ChallengeRow.created_at <= now - LIFETIME) | (ChallengeRow.holder == key)
    tx.execute(delete(ChallengeRow).where(gone), execution_options=_UNSYNCHRONISED)
    tx.add(ChallengeRow(holder=key, challenge=made.hex(), created_at=now))
    tx.flush()
    return made


def take(tx: Transaction, purpose: str, holder: str, now: datetime) -> bytes | None:
    """Return the holder's challenge and forget it; None when there is none. To be committed before it is judged."""
    row = tx.scalar(select(ChallengeRow).where(ChallengeRow.holder == _key(purpose, holder)))
    if row is None:
        return None
    taken: Any = tx.execute(delete(ChallengeRow).where(ChallengeRow.id == row.id), execution_options=_UNSYNCHRONISED)
    is_good = bool(taken.rowcount) and row.created_at > now - LIFETIME
    return bytes.fromhex(row.challenge) if is_good else None


def _key(purpose: str, holder: str) -> str:
    return sha256(f"{purpose}\0{holder}".encode(errors="replace")).hexdigest()
