"""All that decisions need, read from SQL in pages and in one consistent read, for loading and checking the cache.

Pages go on where the last one ended, by the order of a unique key, so each costs the same. Names are turned into text
right from the row: at a million of them records in between would cost more than the rest.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, String, bindparam, func, select, tuple_, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from routing.records import HostedDomain
from store.cache.values import alias_body, field_of, mailbox_elsewhere, mailbox_here
from store.sql.directory_query import STATEMENT, Found
from store.sql.directory_rows import records
from store.sql.outbox import Clock
from store.sql.tables import AccountRow, AddressRow, AliasRow, DomainRow, MailboxRow

_DOMAINS = 200  # in a page
_NAMES = 5000
_MAILBOXES = 1000  # whose text is kept for the next alias
_FEW_DOMAINS, _FEW_NAMES = 50, 500  # for who has something else to do soon

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
        self._ahead = ThreadPoolExecutor(1, "snapshot")

    def close(self) -> None:
        """Wait for what is asked of the server; call this before the transaction ends."""
        self._ahead.shutdown(cancel_futures=True)

    def count(self) -> int:
        """Return how many names there are."""
        return self._tx.scalars(select(func.count()).select_from(AddressRow)).one()

    def parts(self, *, gently: bool = False) -> Iterator[Part]:
        """Return every hosted domain in parts of at most some thousand names; ``gently``, of some hundred."""
        after, count = 0, _FEW_DOMAINS if gently else _DOMAINS
        while page := self._tx.execute(_domains(after, count)).all():
            known = self._domains([row.name for row in page])
            yield from self._with_names([(row.id, known[row.name]) for row in page], _FEW_NAMES if gently else _NAMES)
            after = page[-1].id

    def domain(self, name: str) -> Iterator[Part]:
        """Return one domain in parts; nothing when it is not hosted."""
        known = self._domains([name])
        hosted = select(DomainRow.id).where(DomainRow.name == name, DomainRow.verified_at.is_not(None))
        for number in self._tx.scalars(hosted):
            yield from self._with_names([(number, known[name])], _NAMES)

    def _domains(self, names: list[str]) -> dict[str, HostedDomain]:
        found = self._tx.execute(STATEMENT, {"domains": names, "locals": []})
        return records((Found(*row) for row in found), [])

    def _with_names(self, domains: list[tuple[int, HostedDomain]], page: int) -> Iterator[Part]:
        """Return the parts of domains that come in the order of their ids, of at most ``page`` names."""
        rest, known = iter(domains), {number for number, _ in domains}
        number, domain = next(rest)
        begun = False
        held: dict[bytes, bytes] = {}  # so that the last part of a domain can be told to be that
        for owner, names in self._names(domains[0][0], domains[-1][0], page):
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

    def _names(self, first: int, last: int, page: int) -> Iterator[tuple[int, dict[bytes, bytes]]]:
        """Return the names of the domains with ids from ``first`` to ``last``, with the id, many at a time."""
        rows = self._page(_place((first, ""), last, page))
        while rows:
            following = self._following(_place(rows[-1], last, page)) if len(rows) == page else list
            for owner, names in groupby(rows, itemgetter(0)):
                yield owner, dict(map(_encoded, names))
            rows = following()

    def _following(self, place: dict[str, Any]) -> Callable[[], Sequence[Any]]:
        """Return what returns the next page, which a server may put together while we work on this one.

        SQLite would work in our own process, and its thread and ours would wait for each other at every row.
        """
        if self._tx.get_bind().dialect.name == "sqlite":
            return lambda: self._page(place)
        return self._ahead.submit(self._page, place).result

    def _page(self, place: dict[str, Any]) -> Sequence[Any]:
        return self._tx.connection().execute(_NAMES_AFTER, place).all()  # the session's own rows cost a fifth more


def _place(after: Sequence[Any], last: int, page: int) -> dict[str, Any]:
    return {"domain": after[0], "local": after[1], "last": last, "page": page}


def _domains(after: int, count: int) -> Select[int, str]:
    query = select(DomainRow.id, DomainRow.name).where(DomainRow.id > after, DomainRow.verified_at.is_not(None))
    return query.order_by(DomainRow.id).limit(count)


def _bits(column: InstrumentedAttribute[bool]) -> ColumnElement[int]:
    """Return a truth value as the driver gives it, 1 or True: looking at each costs more than all that we do here."""
    return type_coerce(column, Integer)


def _names_after() -> Select[*tuple[Any, ...]]:
    key = tuple_(AddressRow.domain_id, AddressRow.local_part)
    place = tuple_(bindparam("domain", type_=BigInteger), bindparam("local", type_=String))
    query: Select[*tuple[Any, ...]] = (
        select(
            AddressRow.domain_id,
            AddressRow.local_part,
            _bits(_alias.is_active),
            _bits(_alias.can_receive),
            _bits(_alias.can_send),
            _bits(_mailbox.is_active),
            _mailbox_name.local_part,
            _mailbox_name.domain_id,
            _mailbox_domain.name,
            _bits(_mailbox_domain.is_active),
            _bits(_mailbox_account.is_active),
        )
        .outerjoin(_alias, _alias.id == AddressRow.id)
        .join(_mailbox, _mailbox.id == func.coalesce(_alias.mailbox_id, AddressRow.id))
        .join(_mailbox_name, _mailbox_name.id == _mailbox.id)
        .join(_mailbox_domain, _mailbox_domain.id == _mailbox_name.domain_id)
        .join(_mailbox_account, _mailbox_account.id == _mailbox_domain.account_id)
    )
    return (
        query.where(key > place, AddressRow.domain_id <= bindparam("last", type_=BigInteger))
        .order_by(AddressRow.domain_id, AddressRow.local_part)
        .limit(bindparam("page", type_=Integer))
    )


_NAMES_AFTER = _names_after()


def _encoded(row: Any) -> tuple[bytes, bytes]:
    """Return field and body of a name; the same text as :func:`store.cache.values.name_body`."""
    home, local, active, receives, sends, box_active, box_local, box_domain, domain, domain_active, account_active = row
    if active is None:
        return field_of(local).encode(), b"m1" if box_active else b"m0"
    if box_domain == home:
        mailbox = _here(box_active, box_local)
    else:
        mailbox = _elsewhere(box_active | domain_active << 1 | account_active << 2, box_local, domain)
    return field_of(local).encode(), alias_body(active | receives << 1 | sends << 2, mailbox).encode()


@lru_cache(_MAILBOXES)  # aliases of one mailbox often stand together
def _here(is_active: bool, local: str) -> str:
    return mailbox_here(is_active, field_of(local))


@lru_cache(_MAILBOXES)
def _elsewhere(flags: int, local: str, domain: str) -> str:
    return mailbox_elsewhere(flags, field_of(local), domain)
