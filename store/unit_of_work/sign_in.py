"""Signing in: a name and a password against what the store holds, and the session that follows."""

from dataclasses import dataclass

from routing.address import Address, AddressSyntaxError
from store import passwords
from store.clock import utc_now
from store.errors import ServiceError
from store.services import audit, sessions, sign_in_attempts
from store.services.sessions import OWNER, Lifetimes, Person, Session
from store.sql.database import Database
from store.sql.tenant import Acting, Transaction

_LONGEST = 256  # characters of a password (store.services.fields)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person typed, and from where."""

    name: str
    password: str
    client: str  # IP address

    def __repr__(self) -> str:
        """Show no password."""
        return f"Credentials({self.name!r}, {self.client})"


def sign_in(
    database: Database, given: Credentials, lifetimes: Lifetimes, *, owners: bool, request_id: str | None = None
) -> tuple[Session, str]:
    """Begin a session, and return it with its secret.

    A wrong name, a wrong password, a paused mailbox are one answer after the same work.

    Args:
        database: the store.
        given: what was typed.
        lifetimes: of sessions.
        owners: whether owners of mailboxes may sign in.
        request_id: for the audit log.

    Raises:
        ServiceError: ``unauthenticated``; ``rate-limited``, with ``retry_after``.
        StoreUnavailable, StoreNotReady: nothing could be learned.
    """
    name = given.name.strip().lower()
    with database.write() as tx:
        sign_in_attempts.begin(tx, name, given.client, utc_now())
    with database.read() as tx:
        person = _person(tx, name, owners=owners)
    known_hash = passwords.NOBODYS if person is None else person.password_hash
    fits = passwords.verify(given.password[: _LONGEST + 1], known_hash)
    if person is None or not fits:
        raise _wrong()
    with database.write(acting_as(person, request_id)) as tx:
        if _person(tx, name, owners=owners) != person:  # changed meanwhile, its password perhaps
            raise _wrong()
        sign_in_attempts.succeeded(tx, name, given.client, utc_now())
        begun = sessions.start(tx, person, lifetimes, utc_now())
        note(tx, "session.start", person)
    return begun


def acting_as(person: Person, request_id: str | None) -> Acting:
    """Return who acts when this person does, for the audit log and the store."""
    return Acting(person.account_id, f"{person.role} {person.address}", None, request_id)


def note(tx: Transaction, action: str, person: Person) -> None:
    """Write into the audit log what a person did with sessions."""
    kind, identity = ("mailbox", person.mailbox_id) if person.role == OWNER else ("admin", person.admin_id)
    assert identity is not None  # noqa: S101 - said to the type checker
    audit.note(tx, action, kind, identity, person.address, None, None, account_id=person.account_id)


def _person(tx: Transaction, name: str, *, owners: bool) -> Person | None:
    try:
        address = Address.parse(name)
    except AddressSyntaxError:
        return None
    person = sessions.person_called(tx, address)
    return None if person is None or (person.role == OWNER and not owners) else person


def _wrong() -> ServiceError:
    return ServiceError("unauthenticated", "the address or the password is wrong")
