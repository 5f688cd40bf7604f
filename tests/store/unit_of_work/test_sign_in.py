"""Signing in: who may, what is answered, how long sessions last, and how fast it may be tried."""

from datetime import datetime, timedelta

import pytest

from store import passwords
from store.clock import utc_now
from store.errors import ServiceError
from store.passwords import PasswordHash, hash_password
from store.services import accounts, admins, audit, mailboxes, sessions, sign_in_attempts
from store.services.sessions import Lifetimes, Session
from store.sql.database import Database
from store.sql.tenant import Acting
from store.unit_of_work.sign_in import Credentials, HalfWay, SignInRules, sign_in

LASTING = Lifetimes(idle=timedelta(hours=12), longest=timedelta(days=14))
CLIENT = "192.0.2.1"


def attempt(
    database: Database, name: str, password: str, client: str = CLIENT, *, owners: bool = True
) -> tuple[Session, str]:
    begun = sign_in(database, Credentials(name, password, client), SignInRules(LASTING, owners, second_factor=True))
    assert not isinstance(begun, HalfWay)
    return begun


def refusal(database: Database, name: str, password: str, client: str = CLIENT, *, owners: bool = True) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        attempt(database, name, password, client, owners=owners)
    return refused.value


def found(database: Database, secret: str, later: timedelta = timedelta(0)) -> Session | None:
    with database.read() as tx:
        return sessions.find(tx, secret, LASTING, utc_now() + later)


@pytest.fixture
def people(world: Database) -> Database:
    """The world with an admin of acme, a viewer of it, and an operator, each with the password "open sesame"."""
    known = PasswordHash(hash_password("open sesame"))
    with world.write() as tx:
        admins.create(tx, "Admin@Agency.Example", known, account="acme")
        admins.create(tx, "viewer@agency.example", known, account="acme", role="viewer")
        admins.create(tx, "night@operator.example", known)
    return world


@pytest.mark.parametrize(
    ("name", "password", "role", "account"),
    [
        ("admin@agency.example", "open sesame", "admin", "acme"),
        (" ADMIN@agency.example ", "open sesame", "admin", "acme"),
        ("viewer@agency.example", "open sesame", "viewer", "acme"),
        ("night@operator.example", "open sesame", "admin", None),
        ("john@brand-a.com", "correct horse", "owner", "acme"),
    ],
)
def test_who_signs_in(people: Database, name: str, password: str, role: str, account: str | None) -> None:
    session, secret = attempt(people, name, password)
    with people.read() as tx:
        expected = None if account is None else accounts.get(tx, account).id
        noted = audit.page(tx, object=session.person.address).items[0]
    assert (session.person.role, session.person.account_id) == (role, expected)
    assert (noted.action, noted.actor) == ("session.start", f"{role} {session.person.address}")
    again = found(people, secret)
    assert again is not None
    assert (again.id, again.csrf, again.person) == (session.id, session.csrf, session.person)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("admin@agency.example", "wrong"),
        ("admin@agency.example", ""),
        ("nobody@agency.example", "open sesame"),
        ("john@brand-a.com", "open sesame"),
        ("john+x@brand-a.com", "correct horse"),
        ("not an address", "open sesame"),
        ("", ""),
    ],
)
def test_one_answer_to_whatever_is_wrong(people: Database, name: str, password: str) -> None:
    refused = refusal(people, name, password)
    assert (refused.code, refused.message, refused.field) == (
        "unauthenticated", "the address or the password is wrong", None,
    )  # fmt: skip


@pytest.mark.usefixtures("usual_hashes")
def test_a_name_that_is_not_there_takes_the_same_work() -> None:
    """The hash of nobody has the parameters of all others, and is one."""
    ours = hash_password("x").split("$")
    assert passwords.NOBODYS.split("$")[:4] == ours[:4]
    assert [len(part) for part in passwords.NOBODYS.split("$")] == [len(part) for part in ours]
    assert not passwords.verify("", passwords.NOBODYS)


def test_owners_only_where_they_may_and_not_while_paused(people: Database) -> None:
    assert refusal(people, "john@brand-a.com", "correct horse", owners=False).code == "unauthenticated"
    _, secret = attempt(people, "john@brand-a.com", "correct horse")
    with people.write() as tx:
        mailboxes.update(tx, "john@brand-a.com", is_active=False)
    assert found(people, secret) is None
    assert refusal(people, "john@brand-a.com", "correct horse").code == "unauthenticated"


@pytest.mark.parametrize(
    ("later", "lasts"),
    [
        (timedelta(hours=11, minutes=59), True),
        (timedelta(hours=12, minutes=1), False),
    ],
)
def test_a_session_ends_without_use(people: Database, later: timedelta, lasts: bool) -> None:
    _, secret = attempt(people, "admin@agency.example", "open sesame")
    assert (found(people, secret, later) is not None) == lasts


def test_a_session_ends_in_the_end(people: Database) -> None:
    session, secret = attempt(people, "admin@agency.example", "open sesame")
    used = utc_now() + timedelta(days=13, hours=23)
    sessions.used(people, session, used)
    assert found(people, secret, timedelta(days=13, hours=23, minutes=59)) is not None
    assert found(people, secret, timedelta(days=14)) is None


def test_another_password_ends_all_sessions(people: Database) -> None:
    _, admin = attempt(people, "admin@agency.example", "open sesame")
    _, viewer = attempt(people, "viewer@agency.example", "open sesame")
    session, owner = attempt(people, "john@brand-a.com", "correct horse")
    with people.write() as tx:
        admins.reset(tx, "admin@agency.example", PasswordHash(hash_password("another one")))
    with people.write(Acting(account_id=session.person.account_id)) as tx:
        mailboxes.update(tx, "john@brand-a.com", password="another one")
    assert [found(people, secret) is not None for secret in (admin, viewer, owner)] == [False, True, False]
    attempt(people, "admin@agency.example", "another one")
    attempt(people, "john@brand-a.com", "another one")


def test_removing_an_admin_ends_their_sessions(people: Database) -> None:
    _, secret = attempt(people, "admin@agency.example", "open sesame")
    with people.write() as tx:
        admins.remove(tx, "admin@agency.example")
    assert found(people, secret) is None
    assert refusal(people, "admin@agency.example", "open sesame").code == "unauthenticated"


def test_guessing_gets_slower_also_at_names_that_are_not_there(people: Database) -> None:
    for name in ("admin@agency.example", "nobody@agency.example"):
        for _ in range(5):
            assert refusal(people, name, "guess").code == "unauthenticated"
        refused = refusal(people, name, "guess")
        assert refused.code == "rate-limited"
        assert refused.retry_after is not None
        assert 0 < refused.retry_after <= 1


def wait(database: Database, now: datetime) -> float:
    """Return how long is to be waited; nothing is counted."""
    try:
        with database.write() as tx:
            sign_in_attempts.begin(tx, "a@b.example", CLIENT, now)
            raise LookupError  # noqa: TRY301 - rolls it back
    except LookupError:
        return 0.0
    except ServiceError as refused:
        assert refused.retry_after is not None
        return refused.retry_after


def test_the_wait_grows_and_stays_bearable(sqlite_database: Database) -> None:
    now, waits = utc_now(), []
    for _ in range(20):
        with sqlite_database.write() as tx:
            sign_in_attempts.begin(tx, "a@b.example", CLIENT, now)
        waits.append(wait(sqlite_database, now))
        now += timedelta(minutes=15)
    assert waits[4:10] == [1, 2, 4, 8, 16, 32]
    assert max(waits) == 900


def test_whoever_guesses_from_everywhere_does_not_lock_the_owner_out(people: Database) -> None:
    name = "admin@agency.example"
    attempt(people, name, "open sesame")
    for number in range(50):
        with people.write() as tx:
            sign_in_attempts.begin(tx, name, f"198.51.{number}.7", utc_now())
    assert refusal(people, name, "open sesame", "203.0.113.1").code == "rate-limited"
    session, _ = attempt(people, name, "open sesame")  # from where it was signed in before
    assert session.person.address == name


def test_a_client_is_slowed_whatever_names_it_tries_but_not_all_clients_of_a_silent_proxy(people: Database) -> None:
    for number in range(20):
        assert refusal(people, f"name{number}@agency.example", "guess", "2001:db8::1").code == "unauthenticated"
        assert refusal(people, f"name{number}@agency.example", "guess", "127.0.0.1").code == "unauthenticated"
    assert refusal(people, "more@agency.example", "guess", "2001:db8::2").code == "rate-limited"  # the same network
    assert refusal(people, "more@agency.example", "guess", "127.0.0.1").code == "unauthenticated"


def test_waiting_ends_no_session(people: Database) -> None:
    _, secret = attempt(people, "admin@agency.example", "open sesame")
    for _ in range(6):
        refusal(people, "admin@agency.example", "guess")
    assert refusal(people, "admin@agency.example", "open sesame").code == "rate-limited"
    assert found(people, secret) is not None
