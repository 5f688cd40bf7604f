"""The password once more, from somebody who is signed in, before a change that a stolen session must not make."""

from store.clock import utc_now
from store.errors import ServiceError
from store.services import sign_in_attempts
from store.services.sessions import Person
from store.sql.database import Database
from store.unit_of_work.sign_in import fits_password


def check_password(database: Database, person: Person, typed: str, client: str) -> None:
    """Refuse a password that is not the person's. Wrong ones are counted as those for signing in are.

    Args:
        database: the store.
        person: as the session was found with just now.
        typed: the password.
        client: the IP address it came from.

    Raises:
        ServiceError: ``invalid-request`` with the field ``password``; ``rate-limited``, with ``retry_after``.
        StoreUnavailable, StoreNotReady: nothing could be learned.
    """
    with database.write() as tx:
        sign_in_attempts.begin(tx, person.address, client, utc_now())
    if not fits_password(typed, person.password_hash):
        raise ServiceError("invalid-request", "this is not your password", field="password")
    with database.write() as tx:
        sign_in_attempts.taken_back(tx, person.address, client, utc_now())
