"""Recovery codes: ten for each person with a second factor, to be written down; each signs in once."""

import secrets
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, func, select

from store.services.sessions import Person, belongs_to
from store.sql.tables import RecoveryCodeRow
from store.sql.tenant import Transaction

COUNT = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no 0/o, 1/l/i
_LENGTH, _GROUP = 16, 4  # 79 bits: nobody finds one behind its hash
_UNSYNCHRONISED = {"synchronize_session": False}


def renew(tx: Transaction, person: Person) -> list[str]:
    """Make new codes in the place of the old ones, and return them: they are to be had now or never."""
    remove(tx, person)
    codes = [_new() for _ in range(COUNT)]
    tx.add_all(
        RecoveryCodeRow(admin_id=person.admin_id, mailbox_id=person.mailbox_id, sha256=_digest(code)) for code in codes
    )
    tx.flush()
    return codes


def use(tx: Transaction, person: Person, code: str) -> bool:
    """Return whether a code is right, and take it away."""
    which = belongs_to(RecoveryCodeRow, person) & (RecoveryCodeRow.sha256 == _digest(code))
    used: Any = tx.execute(delete(RecoveryCodeRow).where(which), execution_options=_UNSYNCHRONISED)
    return bool(used.rowcount)


def left(tx: Transaction, person: Person) -> int:
    """Return how many are left."""
    return tx.scalar(select(func.count(RecoveryCodeRow.id)).where(belongs_to(RecoveryCodeRow, person))) or 0


def remove(tx: Transaction, person: Person) -> None:
    """Take all away."""
    tx.execute(delete(RecoveryCodeRow).where(belongs_to(RecoveryCodeRow, person)), execution_options=_UNSYNCHRONISED)


def _new() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def _digest(code: str) -> str:
    """Return what is kept of a code, however its groups and letters are typed."""
    letters = "".join(char for char in code.lower() if char not in "- \t")
    return sha256(letters.encode(errors="replace")).hexdigest()
