"""The second step of signing in, and signing in by a passkey alone.

A wrong code is counted as a wrong password is (store.services.sign_in_attempts). A passkey's answer is not: it signs a
challenge of ours, and nobody guesses a signature.
"""

from dataclasses import dataclass

from store.clock import utc_now
from store.errors import ServiceError
from store.services import challenges, half_sessions, passkeys, second_factors, sessions, sign_in_attempts
from store.services.half_sessions import HalfSession
from store.services.passkey_answers import RelyingParty
from store.services.passkeys import Known
from store.services.sessions import Device, Person
from store.sql.database import Database
from store.sql.tenant import Transaction
from store.unit_of_work.sign_in import Begun, SignInRules, acting_as, begin, may_sign_in

ALONE, SECOND = "sign in", "second step"  # what an answer of a passkey does
OVER = "signing in took too long, or it ended"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a browser shows to be let in, and from where."""

    holder: str  # the secret of its half session; for a passkey alone that of its form
    answer: str  # a code, or what a passkey has signed
    device: Device

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Shown({self.device})"


def half_session(database: Database, secret: str) -> HalfSession:
    """Return a half session. Raises ServiceError ``unauthenticated`` (:data:`OVER`) when there is none."""
    with database.read() as tx:
        return _half(tx, secret)


def answer_by_code(database: Database, shown: Shown, rules: SignInRules, request_id: str | None = None) -> Begun:
    """Begin a session for a half session and a code, of the app or for recovery.

    Raises:
        ServiceError: ``unauthenticated``; ``rate-limited``, with ``retry_after``.
        StoreUnavailable, StoreNotReady: nothing could be learned.
    """
    person, client = half_session(database, shown.holder).person, shown.device.client
    with database.write() as tx:
        sign_in_attempts.begin(tx, person.address, client, utc_now())
    with database.write(acting_as(person, request_id)) as tx:
        half = _half(tx, shown.holder)
        if not may_sign_in(person, rules) or not second_factors.use_code(tx, person, shown.answer, utc_now()):
            raise ServiceError("unauthenticated", "this code is wrong, or was used before")
        sign_in_attempts.succeeded(tx, person.address, client, utc_now())
        return _whole(tx, half, rules, shown.device)


def ask_passkey(database: Database, party: RelyingParty, secret: str, *, alone: bool) -> str:
    """Return as JSON what the browser is to let a passkey sign.

    Args:
        database: the store.
        party: this site.
        secret: of the half session; alone: of the browser's form.
        alone: without a password before.

    Raises:
        ServiceError: ``unauthenticated``: the half session is over.
    """
    with database.write() as tx:
        person = None if alone else _half(tx, secret).person
        challenge = challenges.issue(tx, ALONE if alone else SECOND, secret, utc_now())
        return passkeys.assertion_options(tx, person, party, challenge)


def answer_by_passkey(
    database: Database,
    shown: Shown,
    party: RelyingParty,
    rules: SignInRules,
    *,
    alone: bool,
    request_id: str | None = None,
) -> Begun:
    """Begin a session for what a passkey has signed.

    Raises:
        ServiceError: ``unauthenticated``, whatever is wrong.
        StoreUnavailable, StoreNotReady: nothing could be learned.
    """
    with database.write() as tx:
        challenge = challenges.take(tx, ALONE if alone else SECOND, shown.holder, utc_now())
    with database.read() as tx:
        half = None if alone else _half(tx, shown.holder)
        known = passkeys.find(tx, shown.answer)
        person = None if known is None else sessions.person_of(tx, known.admin_id, known.mailbox_id)
    if known is None or person is None or challenge is None or (half is not None and half.person != person):
        raise _refused()
    count = passkeys.verified(known, party, challenge, shown.answer, alone=alone)
    if count is None or not may_sign_in(person, rules):
        raise _refused()
    with database.write(acting_as(person, request_id)) as tx:
        _check_still(tx, person, known, count)
        return _whole(tx, half, rules, shown.device) if half else begin(tx, person, rules, shown.device)


def _check_still(tx: Transaction, person: Person, known: Known, count: int) -> None:
    is_same = sessions.person_of(tx, person.admin_id, person.mailbox_id) == person
    if not is_same or not passkeys.used(tx, known, count, utc_now()):
        raise _refused()


def _half(tx: Transaction, secret: str) -> HalfSession:
    found = half_sessions.find(tx, secret, utc_now())
    if found is None:
        raise ServiceError("unauthenticated", OVER)
    return found


def _whole(tx: Transaction, half: HalfSession, rules: SignInRules, device: Device) -> Begun:
    """Make a session of a half one, which ends: it is good once."""
    if not half_sessions.end(tx, half):
        raise ServiceError("unauthenticated", OVER)
    return begin(tx, half.person, rules, device)


def _refused() -> ServiceError:
    return ServiceError("unauthenticated", "the passkey was not accepted")
