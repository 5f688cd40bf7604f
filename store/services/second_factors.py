"""A person's second factors together: what there is, what changes, and what the audit log says of it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from store.errors import ServiceError
from store.services import audit, passkeys, recovery_codes, totp
from store.services.passkey_answers import RelyingParty
from store.services.passkeys import Passkey
from store.services.sessions import Person, belongs_to, person_of, subject
from store.sql.tables import PasskeyRow, TotpRow
from store.sql.tenant import Transaction


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person has set up."""

    app_since: datetime | None  # None: no authenticator app
    passkeys: list[Passkey]
    codes_left: int

    @property
    def are_any(self) -> bool:
        """True when signing in asks for one of them."""
        return self.app_since is not None or bool(self.passkeys)


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor as the audit log tells of it."""

    kind: str  # app, passkey, recovery code
    name: str | None = None


APP, CODE = Factor("app"), Factor("recovery code")


def of(tx: Transaction, person: Person) -> Factors:
    """Return what a person has set up."""
    return Factors(totp.created_at(tx, person), passkeys.list_all(tx, person), recovery_codes.left(tx, person))


def has_any(tx: Transaction, person: Person) -> bool:
    """Return whether signing in asks a person for a second factor."""
    asked = (select(table.id).where(belongs_to(table, person)).limit(1) for table in (TotpRow, PasskeyRow))
    return any(tx.scalar(one) is not None for one in asked)


def add_app(tx: Transaction, person: Person, secret: str, code: str, now: datetime) -> list[str]:
    """Switch on codes of an app. Returns new recovery codes if this is the first factor; raises as totp.add."""
    is_first = not has_any(tx, person)
    totp.add(tx, person, secret, code, now)
    note(tx, "second-factor.add", person, None, APP)
    return recovery_codes.renew(tx, person) if is_first else []


def add_passkey(
    tx: Transaction, person: Person, party: RelyingParty, challenge: bytes | None, name: str, answer: str, now: datetime
) -> list[str]:
    """Keep a passkey. Returns new recovery codes if this is the first factor; raises as passkeys.register."""
    is_first = not has_any(tx, person)
    passkeys.register(tx, person, party, challenge, name, answer, now)
    note(tx, "second-factor.add", person, None, Factor("passkey", name))
    return recovery_codes.renew(tx, person) if is_first else []


def remove_app(tx: Transaction, person: Person) -> None:
    """Switch off codes of an app."""
    if totp.remove(tx, person):
        note(tx, "second-factor.remove", person, APP, None)
    _tidy(tx, person)


def remove_passkey(tx: Transaction, person: Person, passkey_id: int) -> None:
    """Remove a passkey. Raises ServiceError ``not-found``."""
    gone = passkeys.remove(tx, person, passkey_id)
    note(tx, "second-factor.remove", person, Factor("passkey", gone.name), None)
    _tidy(tx, person)


def remove_all(tx: Transaction, person: Person) -> bool:
    """Take everything away from a person who has lost it, and return whether there was anything."""
    found = of(tx, person)
    if found.app_since is not None:
        remove_app(tx, person)
    for one in found.passkeys:
        remove_passkey(tx, person, one.id)
    recovery_codes.remove(tx, person)
    return found.are_any


def remove_all_of_mailbox(tx: Transaction, mailbox_id: int) -> bool:
    """Take everything away from the owner of a mailbox; returns as :func:`remove_all`.

    Raises:
        ServiceError: ``conflict`` for a mailbox that is paused.
    """
    person = person_of(tx, None, mailbox_id)
    if person is None:
        raise ServiceError("conflict", "the mailbox is paused: nobody signs in by it; resume it first")
    return remove_all(tx, person)


def renew_codes(tx: Transaction, person: Person) -> list[str]:
    """Make new recovery codes; the old ones are worth nothing from then on.

    Raises:
        ServiceError: ``conflict`` for a person without a second factor.
    """
    if not has_any(tx, person):
        raise ServiceError("conflict", "recovery codes come with a second factor; set one up first")
    note(tx, "recovery-codes.renew", person, None, None)
    return recovery_codes.renew(tx, person)


def use_code(tx: Transaction, person: Person, code: str, now: datetime) -> bool:
    """Return whether a code, of the app or for recovery, is right, and take it."""
    typed = "".join(code.split())
    if len(typed) == 6 and typed.isascii() and typed.isdigit():
        return totp.use(tx, person, typed, now)
    if not recovery_codes.use(tx, person, typed):
        return False
    note(tx, "recovery-code.use", person, CODE, None)
    return True


def note(tx: Transaction, action: str, person: Person, before: Factor | None, after: Factor | None) -> None:
    """Write into the audit log what a person's way to sign in has become."""
    kind, identity = subject(person)
    audit.note(tx, action, kind, identity, person.address, before, after, account_id=person.account_id)


def _tidy(tx: Transaction, person: Person) -> None:
    """Recovery codes stand in for a second factor: without one they go."""
    if not has_any(tx, person):
        recovery_codes.remove(tx, person)
