"""All that decisions need, read from SQL in pages and in one consistent read, for loading and checking the cache.

Pages go on where the last one ended, by the order of a unique key, so each costs the same. Names are turned into text
right from the row: at a million of them records in between would cost more than the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from routing.records import HostedDomain
from store.cache.values import alias_body, field_of, mailbox_elsewhere, mailbox_here
from store.sql.directory_query import STATEMENT, Found
from store.sql.directory_rows import records
from store.sql.outbox import Clock
from store.sql.tables import AccountRow, AddressRow, AliasRow, DomainRow, MailboxRow

_DOMAINS = 200  # in a page
_NAMES = 5000

_alias = aliased(AliasRow, name="a")
_mailbox = aliased(MailboxRow, name="m")
_mailbox_name = aliased(AddressRow, name="mn")
_mailbox_domain = aliased(DomainRow, name="md")
_mailbox_account = aliased(AccountRow, name="mc")


@dataclass(frozen=True, slots=True)
class Part:
    """A hosted domain, with some of its names: field to body. Those of one domain come one after the other."""

    domain: HostedDomain  # without names
    names: dict[bytes, bytes]
    is_first: bool
    is_last: bool


class Snapshot:
    """The state of SQL as of ``clock``, as long as its transaction lasts."""

    def __init__(self, tx: Session, clock: Clock) -> None:
        self._tx = tx
        self.clock = clock

    def count(self) -> int:
        """Return how many names there are."""
        return self._tx.scalars(select(func.count()).select_from(AddressRow)).one()

    def parts(self) -> Iterator[Part]:
        """Return every hosted domain in parts of at most some thousand names."""
        after = 0
        while page := self._tx.execute(_domains(after)).all():
            known = self._domains([row.name for row in page])
            yield from self._with_names([(row.id, known[row.name]) for row in page])
            after = page[-1].id

    def domain(self, name: str) -> Iterator[Part]:
        """Return one domain in parts; nothing when it is not hosted."""
        known = self._domains([name])
        hosted = select(DomainRow.id).where(DomainRow.name == name, DomainRow.verified_at.is_not(None))
        for number in self._tx.scalars(hosted):
            yield from self._with_names([(number, known[name])])

    def _domains(self, names: list[str]) -> dict[str, HostedDomain]:
        found = self._tx.execute(STATEMENT, {"domains": names, "locals": []})
        return records((Found(*row) for row in found), [])

    def _with_names(self, domains: list[tuple[int, HostedDomain]]) -> Iterator[Part]:
        """Return the parts of domains that come in the order of their ids."""
        rest, known = iter(domains), {number for number, _ in domains}
        number, domain = next(rest)
        begun = False
        held: dict[bytes, bytes] = {}  # so that the last part of a domain can be told to be that
        for owner, names in self._names(domains[0][0], domains[-1][0]):
            if owner not in known:  # rows that no service writes
                continue
            while number != owner:
                yield Part(domain, held, is_first=not begun, is_last=True)
                (number, domain), begun, held = next(rest), False, {}
            if held:
                yield Part(domain, held, is_first=not begun, is_last=False)
                begun = True
            held = names
        yield Part(domain, held, is_first=not begun, is_last=True)
        for _, empty in rest:
            yield Part(empty, {}, is_first=True, is_last=True)

    def _names(self, first: int, last: int) -> Iterator[tuple[int, dict[bytes, bytes]]]:
        """Return the names of the domains with ids from ``first`` to ``last``, with the id, many at a time."""
        place: tuple[int, str] = (first, "")
        connection = self._tx.connection()  # the session's own rows cost a fifth more
        while rows := connection.execute(_names_after(place, last)).all():
            for owner, names in groupby(rows, itemgetter(0)):
                yield owner, dict(map(_encoded, names))
            place = tuple(rows[-1][:2])


def _domains(after: int) -> Select[int, str]:
    query = select(DomainRow.id, DomainRow.name).where(DomainRow.id > after, DomainRow.verified_at.is_not(None))
    return query.order_by(DomainRow.id).limit(_DOMAINS)


def _names_after(place: tuple[int, str], last: int) -> Select[*tuple[Any, ...]]:
    key = tuple_(AddressRow.domain_id, AddressRow.local_part)
    query: Select[*tuple[Any, ...]] = (
        select(
            AddressRow.domain_id,
            AddressRow.local_part,
            _alias.is_active,
            _alias.can_receive,
            _alias.can_send,
            _mailbox.is_active,
            _mailbox_name.local_part,
            _mailbox_name.domain_id,
            _mailbox_domain.name,
            _mailbox_domain.is_active,
            _mailbox_account.is_active,
        )
        .outerjoin(_alias, _alias.id == AddressRow.id)
        .join(_mailbox, _mailbox.id == func.coalesce(_alias.mailbox_id, AddressRow.id))
        .join(_mailbox_name, _mailbox_name.id == _mailbox.id)
        .join(_mailbox_domain, _mailbox_domain.id == _mailbox_name.domain_id)
        .join(_mailbox_account, _mailbox_account.id == _mailbox_domain.account_id)
    )
    return (
        query.where(key > place, AddressRow.domain_id <= last)
        .order_by(AddressRow.domain_id, AddressRow.local_part)
        .limit(_NAMES)
    )


def _encoded(row: Any) -> tuple[bytes, bytes]:
    """Return field and body of a name; the same text as :func:`store.cache.values.name_body`."""
    home, local, active, receives, sends, box_active, box_local, box_domain, domain, domain_active, account_active = row
    if active is None:
        return field_of(local).encode(), b"m1" if box_active else b"m0"
    field = field_of(box_local)
    if box_domain == home:
        mailbox = mailbox_here(box_active, field)
    else:
        mailbox = mailbox_elsewhere(box_active | domain_active << 1 | account_active << 2, field, domain)
    return field_of(local).encode(), alias_body(active | receives << 1 | sends << 2, mailbox).encode()
