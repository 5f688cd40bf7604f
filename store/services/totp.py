"""Codes of an authenticator app: six digits that change every 30 seconds (TOTP, RFC 6238).

A code is good in its own 30 seconds, and in those before and after: clocks differ, and typing takes time. A code that
was taken is never taken again, nor is an older one (RFC 6238 section 5.2).
"""

import re
from datetime import datetime
from hmac import compare_digest
from typing import Any

import pyotp
from sqlalchemy import delete, select, update

from store.errors import ServiceError
from store.services.sessions import Person, belongs_to
from store.sql.tables import TotpRow
from store.sql.tenant import Transaction

STEP = 30  # seconds
_SKEW = 1  # steps
_SECRET = re.compile(r"[A-Z2-7]{32}")  # 160 bits (RFC 4226 section 4, R6)
_UNSYNCHRONISED = {"synchronize_session": False}


def new_secret() -> str:
    """Return a secret in base32, which is nobody's before :func:`add`."""
    return pyotp.random_base32()


def is_secret(text: str) -> bool:
    """Return whether a text looks like one that :func:`new_secret` made."""
    return _SECRET.fullmatch(text) is not None


def uri(secret: str, address: str, issuer: str) -> str:
    """Return what an app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=address, issuer_name=issuer)


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step, counted from 1970, that a code belongs to; None when it fits none that is near."""
    current, maker = int(now.timestamp()) // STEP, pyotp.TOTP(secret)
    found = None
    for step in range(current - _SKEW, current + _SKEW + 1):
        if compare_digest(maker.generate_otp(step).encode(), code.encode(errors="replace")):
            found = step
    return found


def add(tx: Transaction, person: Person, secret: str, code: str, now: datetime) -> None:
    """Switch codes on for a person, whose app has shown by one that it has the secret.

    Raises:
        ServiceError: ``invalid-request`` for a code that does not fit; ``conflict`` when they are on already.
    """
    if created_at(tx, person) is not None:
        raise ServiceError("conflict", "an authenticator app is set up already; remove it first")
    step = step_of(secret, code, now) if is_secret(secret) else None
    if step is None:
        message = "this code does not fit"
        hint = "take the one that the app shows now; the clock of the phone must be right"
        raise ServiceError("invalid-request", message, field="code", hint=hint)
    row = TotpRow(admin_id=person.admin_id, mailbox_id=person.mailbox_id, secret=secret, last_step=step, created_at=now)
    tx.add(row)
    tx.flush()


def use(tx: Transaction, person: Person, code: str, now: datetime) -> bool:
    """Return whether a code is right, and take it: the same will not be right again."""
    row = tx.scalar(select(TotpRow).where(belongs_to(TotpRow, person)))
    step = None if row is None else step_of(row.secret, code, now)
    if row is None or step is None:
        return False
    taken: Any = tx.execute(
        update(TotpRow).where(TotpRow.id == row.id, TotpRow.last_step < step).values(last_step=step),
        execution_options=_UNSYNCHRONISED,
    )
    return bool(taken.rowcount)


def created_at(tx: Transaction, person: Person) -> datetime | None:
    """Return since when codes are on; None: they are not."""
    return tx.scalar(select(TotpRow.created_at).where(belongs_to(TotpRow, person)))


def remove(tx: Transaction, person: Person) -> bool:
    """Switch codes off, and return whether they were on."""
    gone: Any = tx.execute(delete(TotpRow).where(belongs_to(TotpRow, person)), execution_options=_UNSYNCHRONISED)
    return bool(gone.rowcount)
