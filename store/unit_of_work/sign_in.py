"""Signing in: a name and a password against what the store holds, and the session, or half of one, that follows.

Where the second factor is shown: :mod:`store.unit_of_work.second_step`.
"""

from dataclasses import dataclass

from routing.address import Address, AddressSyntaxError
from store import passwords
from store.clock import utc_now
from store.errors import ServiceError
from store.services import audit, half_sessions, second_factors, sessions, sign_in_attempts
from store.services.sessions import OWNER, Device, Lifetimes, Person, Session, subject
from store.sql.database import Database
from store.sql.tenant import Acting, Transaction

_LONGEST = 256  # characters of a password (store.services.fields)

Begun = tuple[Session, str]  # a session with its secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person typed, and from where."""

    name: str
    password: str
    client: str  # IP address
    browser: str = ""  # in words

    def __repr__(self) -> str:
        """Show no password."""
        return f"Credentials({self.name!r}, {self.client})"


@dataclass(frozen=True, slots=True)
class SignInRules:
    """What this site's settings say about signing in."""

    lifetimes: Lifetimes
    owners: bool  # whether owners of mailboxes may
    second_factor: bool  # whether one that is set up is asked for


@dataclass(frozen=True, slots=True)
class HalfWay:
    """The password was right; with this secret of a half session the second factor can be shown."""

    secret: str


def sign_in(
    database: Database, given: Credentials, rules: SignInRules, request_id: str | None = None
) -> Begun | HalfWay:
    """Begin a session, or where the person has a second factor a half session.

    A wrong name, a wrong password, a paused mailbox are one answer after the same work; what somebody has set up is not
    asked before the password was right.

    Args:
        database: the store.
        given: what was typed.
        rules: of this site.
        request_id: for the audit log.

    Raises:
        ServiceError: ``unauthenticated``; ``rate-limited``, with ``retry_after``.
        StoreUnavailable, StoreNotReady: nothing could be learned.
    """
    address = _address(given.name)
    name = given.name.strip().lower() if address is None else str(address)
    with database.write() as tx:
        sign_in_attempts.begin(tx, name, given.client, utc_now())
    with database.read() as tx:
        person = _person(tx, address, rules)
    known_hash = passwords.NOBODYS if person is None else person.password_hash
    fits = fits_password(given.password, known_hash)
    if person is None or not fits:
        raise _wrong()
    with database.write(acting_as(person, request_id)) as tx:
        if _person(tx, address, rules) != person:  # changed meanwhile, its password perhaps
            raise _wrong()
        if rules.second_factor and second_factors.has_any(tx, person):
            sign_in_attempts.taken_back(tx, name, given.client, utc_now())
            return HalfWay(half_sessions.start(tx, person, utc_now()))
        sign_in_attempts.succeeded(tx, name, given.client, utc_now())
        return begin(tx, person, rules, Device(given.client, given.browser))


def begin(tx: Transaction, person: Person, rules: SignInRules, device: Device) -> Begun:
    """Begin a session of somebody who has shown all that is asked for."""
    begun = sessions.start(tx, person, rules.lifetimes, utc_now(), device)
    note(tx, "session.start", person)
    return begun


def fits_password(typed: str, password_hash: str) -> bool:
    """Return whether a password is right; about 30 ms of work, which no transaction should wait for."""
    return passwords.verify(typed[: _LONGEST + 1], password_hash)


def may_sign_in(person: Person, rules: SignInRules) -> bool:
    """Return whether people of that role sign in here."""
    return person.role != OWNER or rules.owners


def acting_as(person: Person, request_id: str | None) -> Acting:
    """Return who acts when this person does, for the audit log and the store."""
    return Acting(person.account_id, f"{person.role} {person.address}", None, request_id)


def note(tx: Transaction, action: str, person: Person) -> None:
    """Write into the audit log what a person did with sessions."""
    audit.note(tx, action, *subject(person), person.address, None, None, account_id=person.account_id)


def _address(name: str) -> Address | None:
    try:
        return Address.parse(name.strip().lower())
    except AddressSyntaxError:
        return None


def _person(tx: Transaction, address: Address | None, rules: SignInRules) -> Person | None:
    person = None if address is None else sessions.person_called(tx, address)
    return None if person is None or not may_sign_in(person, rules) else person


def _wrong() -> ServiceError:
    return ServiceError("unauthenticated", "the address or the password is wrong")
