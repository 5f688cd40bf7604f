"""Sessions of the dashboard: a browser in which an admin or a mailbox owner is signed in.

A session ends by signing out, after a time without use, after a time in all, with its person, and when the password
changes by which it began.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, delete, or_, select, update

from routing.address import Address
from store.errors import ServiceError, StoreNotReady, StoreUnavailable
from store.sql.database import Database
from store.sql.tables import AccountRow, AddressRow, AdminRow, DomainRow, HalfSessionRow, MailboxRow, SessionRow
from store.sql.tenant import Transaction

OWNER = "owner"  # the role of a mailbox's own user, beside those of admins
_SECRET = 32  # random bytes
_NOTED_EVERY = timedelta(minutes=1)
_UNSYNCHRONISED = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long sessions last."""

    idle: timedelta  # without use
    longest: timedelta  # in all


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who can sign in: an admin, or the owner of a mailbox."""

    role: str  # admin, viewer or owner
    address: str
    admin_id: int | None
    mailbox_id: int | None  # of an owner
    account_id: int | None  # None: an operator
    password_hash: str
    is_suspended: bool  # the account is

    def __repr__(self) -> str:
        """Show no hash."""
        return f"Person({self.role} {self.address})"


@dataclass(frozen=True, slots=True)
class Device:
    """Where a session begins: the IP address, and the browser in words."""

    client: str = ""
    browser: str = ""


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as its person sees it in a list."""

    id: int
    client: str | None
    browser: str | None
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A session that goes on."""

    id: int
    person: Person
    csrf: str
    seen_at: datetime


@cache
def _admins() -> Select[AdminRow, bool]:
    return select(AdminRow, AccountRow.is_active).outerjoin(AccountRow)


@cache
def _owners() -> Select[MailboxRow, str, str, int, bool]:
    """Return the query for mailboxes that are not paused, as people."""
    return (
        select(MailboxRow, AddressRow.local_part, DomainRow.name, DomainRow.account_id, AccountRow.is_active)
        .join_from(MailboxRow, AddressRow, AddressRow.id == MailboxRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(AccountRow, AccountRow.id == DomainRow.account_id)
        .where(MailboxRow.is_active)
    )


def person_called(tx: Transaction, address: Address) -> Person | None:
    """Return who signs in by an address: the admin of that address, else the owner of that mailbox, unless paused."""
    admin = tx.execute(_admins().where(AdminRow.address == str(address))).one_or_none()
    if admin is not None:
        return _admin(admin)
    at_home = (AddressRow.local_part == address.local) & (DomainRow.name == address.domain)
    owner = tx.execute(_owners().where(at_home, DomainRow.verified_at.is_not(None))).one_or_none()
    return None if owner is None else _owner(owner)


def person_of(tx: Transaction, admin_id: int | None, mailbox_id: int | None) -> Person | None:
    """Return an admin, or the owner of a mailbox, by id; None when they are gone, or the mailbox is paused."""
    if admin_id is not None:
        admin = tx.execute(_admins().where(AdminRow.id == admin_id)).one_or_none()
        return None if admin is None else _admin(admin)
    owner = tx.execute(_owners().where(MailboxRow.id == mailbox_id)).one_or_none()
    return None if owner is None else _owner(owner)


def subject(person: Person) -> tuple[str, int]:
    """Return of what a person is the person: the type of an object, and its id."""
    kind, identity = ("mailbox", person.mailbox_id) if person.admin_id is None else ("admin", person.admin_id)
    assert identity is not None  # noqa: S101 - said to the type checker
    return kind, identity


def belongs_to(table: Any, person: Person) -> ColumnElement[bool]:
    """Return the condition that a row of ``table``, which has both columns, is a person's."""
    if person.admin_id is None:
        return cast("ColumnElement[bool]", table.mailbox_id == person.mailbox_id)
    return cast("ColumnElement[bool]", table.admin_id == person.admin_id)


def start(
    tx: Transaction, person: Person, lifetimes: Lifetimes, now: datetime, device: Device = Device()
) -> tuple[Session, str]:
    """Begin a session, and return it with its secret, which is to be had now or never. Sessions that are over go."""
    secret = new_secret()
    over = or_(SessionRow.seen_at <= now - lifetimes.idle, SessionRow.created_at <= now - lifetimes.longest)
    _end(tx, over)
    row = SessionRow(
        sha256=digest(secret),
        admin_id=person.admin_id,
        mailbox_id=person.mailbox_id,
        csrf=new_secret(),
        created_at=now,
        seen_at=now,
        client=device.client[:64] or None,
        browser=device.browser[:80] or None,
    )
    tx.add(row)
    tx.flush()
    return Session(row.id, person, row.csrf, row.seen_at), secret


def find(tx: Transaction, secret: str, lifetimes: Lifetimes, now: datetime) -> Session | None:
    """Return the session with that secret; None when there is none, or its time is over."""
    lasting = (SessionRow.seen_at > now - lifetimes.idle) & (SessionRow.created_at > now - lifetimes.longest)
    row = tx.scalar(select(SessionRow).where(SessionRow.sha256 == digest(secret), lasting))
    if row is None:
        return None
    person = person_of(tx, row.admin_id, row.mailbox_id)
    return None if person is None else Session(row.id, person, row.csrf, row.seen_at)


def used(database: Database, session: Session, now: datetime) -> None:
    """Note that a session was used, at most once a minute. Trouble with that is not worth failing a request."""
    if now - session.seen_at < _NOTED_EVERY:
        return
    noted = update(SessionRow).where(SessionRow.id == session.id).values(seen_at=now)
    try:
        with database.write() as tx:
            tx.execute(noted, execution_options=_UNSYNCHRONISED)
    except (StoreUnavailable, StoreNotReady, ServiceError):
        return


def list_all(tx: Transaction, person: Person, lifetimes: Lifetimes, now: datetime) -> list[SessionView]:
    """Return the sessions of a person that go on, the one used last first."""
    lasting = (SessionRow.seen_at > now - lifetimes.idle) & (SessionRow.created_at > now - lifetimes.longest)
    wanted = select(SessionRow).where(belongs_to(SessionRow, person), lasting)
    found = tx.scalars(wanted.order_by(SessionRow.seen_at.desc(), SessionRow.id.desc()))
    return [SessionView(row.id, row.client, row.browser, row.created_at, row.seen_at) for row in found]


def end_one(tx: Transaction, person: Person, session_id: int) -> None:
    """End a session of a person. Raises ServiceError ``not-found`` for one that is not theirs, or over."""
    which = belongs_to(SessionRow, person) & (SessionRow.id == session_id)
    if tx.scalar(select(SessionRow.id).where(which)) is None:
        raise ServiceError("not-found", "there is no such session")
    _end(tx, which)


def end_others(tx: Transaction, person: Person, kept: int) -> None:
    """End all sessions of a person but one."""
    _end(tx, belongs_to(SessionRow, person) & (SessionRow.id != kept))


def end(tx: Transaction, session_id: int) -> None:
    """End one session."""
    _end(tx, SessionRow.id == session_id)


def end_all(tx: Transaction, person: Person) -> None:
    """End all sessions of a person."""
    if person.admin_id is not None:
        end_of_admin(tx, person.admin_id)
    if person.mailbox_id is not None:
        end_of_mailbox(tx, person.mailbox_id)


def end_of_admin(tx: Transaction, admin_id: int) -> None:
    """End all sessions of an admin, those that wait for the second factor too."""
    _end(tx, SessionRow.admin_id == admin_id)
    _end_half(tx, HalfSessionRow.admin_id == admin_id)


def end_of_mailbox(tx: Transaction, mailbox_id: int) -> None:
    """End all sessions of a mailbox's owner, those that wait for the second factor too."""
    _end(tx, SessionRow.mailbox_id == mailbox_id)
    _end_half(tx, HalfSessionRow.mailbox_id == mailbox_id)


def _end(tx: Transaction, which: ColumnElement[bool]) -> None:
    tx.execute(delete(SessionRow).where(which), execution_options=_UNSYNCHRONISED)


def _end_half(tx: Transaction, which: ColumnElement[bool]) -> None:
    tx.execute(delete(HalfSessionRow).where(which), execution_options=_UNSYNCHRONISED)


def _admin(found: Row[AdminRow, bool]) -> Person:
    row, is_active = found
    return Person(row.role, row.address, row.id, None, row.account_id, row.password_hash, is_active is False)


def _owner(found: Row[MailboxRow, str, str, int, bool]) -> Person:
    row, local_part, domain, account_id, is_active = found
    return Person(OWNER, f"{local_part}@{domain}", None, row.id, account_id, row.password_hash, not is_active)


def new_secret() -> str:
    """Return a secret for a cookie or a form."""
    return secrets.token_urlsafe(_SECRET)


def digest(secret: str) -> str:
    """Return what is kept of a secret. No salt: nobody guesses 256 bits."""
    return sha256(secret.encode(errors="replace")).hexdigest()
