"""The people of accounts in SQL: who bears a name, whether there is anybody, and all of them in pages.

Every statement is a range of the index over ``mailboxes.person``, which begins with the account.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, func, select, tuple_
from sqlalchemy.orm import Session

from routing.address import Address
from routing.people import account_of, people, people_of
from routing.records import HostedDomain
from store.sql.tables import AddressRow, DomainRow, MailboxRow
from store.wire_format.people import split_stored, stored

_PAGE = 5000  # mailboxes

Bearer = tuple[str, int, str, str]  # person as stored, id of the mailbox, its local part and domain
Field = tuple[str, str]  # the people of an account (routing.people.people_of), and a key


def _bearers() -> Select[*tuple[Any, ...]]:
    query: Select[*tuple[Any, ...]] = select(MailboxRow.person, MailboxRow.id, AddressRow.local_part, DomainRow.name)
    query = query.join(AddressRow, AddressRow.id == MailboxRow.id).join(DomainRow, DomainRow.id == AddressRow.domain_id)
    return query.order_by(MailboxRow.person, MailboxRow.id)


STATEMENT = _bearers().where(MailboxRow.person.in_(bindparam("people", expanding=True)))
_START = tuple_(bindparam("person", type_=String), bindparam("id"))
_AFTER = _bearers().where(
    tuple_(MailboxRow.person, MailboxRow.id) > _START,
    MailboxRow.person < bindparam("end"),
)


def find_people(connection: Connection | Session, wanted: Collection[Address]) -> dict[str, HostedDomain]:
    """Return the people among ``wanted`` (:func:`routing.people.people_of`), by account those that there are."""
    keys = {stored(account, each.local) for each in wanted if (account := account_of(each.domain)) is not None}
    if not keys:
        return {}
    found = connection.execute(STATEMENT, {"people": sorted(keys)})
    return {people_of(account): people(account, dict(names)) for account, names in _by_account(map(tuple, found))}


def find_fields(tx: Session, wanted: Iterable[Field]) -> dict[str, HostedDomain]:
    """Return what fields of accounts' people rest on: each account that has anybody, with those of the keys it has."""
    asked = [Address(key, name) for name, key in wanted if account_of(name) is not None]
    anybody = {each.domain for each in asked}
    found = find_people(tx, [each for each in asked if each.local])
    for name in anybody - found.keys():
        account = account_of(name)
        if account is not None and has_people(tx, account):
            found[name] = people(account, {})
    return found


def has_people(tx: Session, account: int) -> bool:
    """Return whether anybody in an account has a full name."""
    here = MailboxRow.person >= stored(account, "")
    return (
        tx.scalars(select(MailboxRow.id).where(here, MailboxRow.person < stored(account + 1, "")).limit(1)).first()
        is not None
    )


def count_people(tx: Session) -> int:
    """Return how many mailboxes have a full name."""
    return tx.scalars(select(func.count(MailboxRow.person))).one()


def all_people(tx: Session, account: int | None = None) -> Iterator[tuple[int, Iterator[tuple[str, Address]]]]:
    """Return every account that has people, or only one, with key and mailbox of each; take them in this order."""
    first, end = ("", "g") if account is None else (stored(account, ""), stored(account + 1, ""))
    return _by_account(_pages(tx, first, end))


def _pages(tx: Session, first: str, end: str) -> Iterator[Sequence[Any]]:
    person, after = first, 0
    while page := tx.execute(_AFTER.limit(_PAGE), {"person": person, "id": after, "end": end}).all():
        yield from page
        person, after = page[-1][:2]


def _by_account(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, Iterator[tuple[str, Address]]]]:
    """Group rows by account. Of several who bear a name the oldest mailbox stands for it."""
    oldest = (next(same) for _, same in groupby(rows, lambda row: row[0]))
    for account, some in groupby(oldest, lambda row: split_stored(row[0])[0]):
        yield account, ((split_stored(person)[1], Address(local, name)) for person, _, local, name in some)
