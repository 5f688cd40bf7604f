"""Pages of names read from SQL, and their values in the format of the cache.

Pages go on where the last one ended, by the order of a unique key, so each costs the same. What a name says depends on
its mailbox and three flags, so names of one mailbox mostly say the same: it is encoded once for all of them; what
limits an alias follows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Select, String, bindparam, case, func, select, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from routing.address import Address
from routing.records import Alias, Mailbox, kept_name
from store.batches import batches
from store.sql.tables import KEPT, AccountRow, AddressRow, AliasRow, DomainRow, MailboxRow
from store.wire_format.values import fields_of, limits_text, name_body

_MAILBOXES = 500  # in one question
_NOBODY = 0  # no mailbox's id: stands with a name that is deleted and kept

Row = tuple[
    Any, ...
]  # of a name: id of its domain, local part, id of its mailbox, three flags of an alias and its limits


class PageRange(NamedTuple):
    """The range of a page: after the name ``local`` in ``domain``, up to the domain ``last`` or ``size`` names."""

    domain: int
    local: str
    last: int
    size: int


@dataclass(frozen=True, slots=True)
class NamePage:
    """Names in the order of their domains, and the mailboxes that are in their rows."""

    rows: Sequence[Row]
    mailboxes: Mapping[int, Mailbox]


class NamePages:
    """Reads pages in one transaction; not for several threads at once."""

    def __init__(self, tx: Session) -> None:
        self._tx = tx
        self._mailboxes: dict[int, Mailbox] = {}  # of the last page; the next one mostly names the same

    def read(self, start: PageRange) -> NamePage:
        """Return the names that follow."""
        rows = self._plain(_NAMES_AFTER, start._asdict())
        return NamePage(rows, self._known({row[2] for row in rows}))

    def _known(self, ids: set[int]) -> dict[int, Mailbox]:
        known = {number: self._mailboxes[number] for number in ids & self._mailboxes.keys()}
        for some in batches(ids - known.keys(), _MAILBOXES):
            for number, local, domain, *states in self._plain(_MAILBOXES_OF, {"ids": some}):
                known[number] = Mailbox(Address(local, domain), *map(bool, states))
        self._mailboxes = known
        return known

    def _plain(self, query: Select[*Row], values: dict[str, Any]) -> list[Row]:
        """Return rows as the driver makes them: SQLAlchemy's own cost as much again as all the rest of the reading."""
        with self._tx.connection().execute(query, values) as found:
            cursor: Any = found.cursor
            try:
                return list(cursor.fetchall())
            except self._tx.get_bind().dialect.loaded_dbapi.Error as error:
                raise DBAPIError(None, None, error) from error


def _names_after() -> Select[*tuple[Any, ...]]:
    key = tuple_(AddressRow.domain_id, AddressRow.local_part)
    start = tuple_(bindparam("domain", type_=BigInteger), bindparam("local", type_=String))
    query: Select[*tuple[Any, ...]] = select(
        AddressRow.domain_id,
        AddressRow.local_part,
        func.coalesce(AliasRow.mailbox_id, case((AddressRow.kind == KEPT, _NOBODY), else_=AddressRow.id)),
        AliasRow.is_active,
        AliasRow.can_receive,
        AliasRow.can_send,
        AliasRow.off_at,
        AliasRow.senders,
    ).outerjoin(AliasRow, AliasRow.id == AddressRow.id)
    return (
        query.where(key > start, AddressRow.domain_id <= bindparam("last", type_=BigInteger))
        .order_by(AddressRow.domain_id, AddressRow.local_part)
        .limit(bindparam("size", type_=Integer))
    )


def _mailboxes_of() -> Select[*tuple[Any, ...]]:
    states = (MailboxRow.is_active, DomainRow.is_active, AccountRow.is_active)
    return (
        select(MailboxRow.id, AddressRow.local_part, DomainRow.name, *states)
        .join(AddressRow, AddressRow.id == MailboxRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(AccountRow, AccountRow.id == DomainRow.account_id)
        .where(MailboxRow.id.in_(bindparam("ids", expanding=True, literal_execute=True)))
    )


_NAMES_AFTER, _MAILBOXES_OF = _names_after(), _mailboxes_of()


def fields(rows: Sequence[Row], home: str, mailboxes: Mapping[int, Mailbox]) -> dict[bytes, bytes]:
    """Return field and body of names of the domain ``home``; none of a name that leads to no mailbox."""
    bodies = _NameBodies(home, mailboxes)
    field_names = fields_of([row[1] for row in rows])
    return {
        field.encode(): body if row[6] is row[7] is None else body + limits_text(row[6], row[7]).encode()
        for field, row in zip(field_names, rows, strict=True)
        if (body := bodies[row[2:6]] if row[2] else _kept_body(row[1], home))
    }


def _kept_body(local: str, home: str) -> bytes:
    return name_body(kept_name(Address(local, home)), home).encode()


class _NameBodies(dict[Row, bytes]):
    """A cache of encoded values of names, by mailbox and flags; empty for a name that leads to no mailbox."""

    def __init__(self, home: str, mailboxes: Mapping[int, Mailbox]) -> None:
        super().__init__()
        self._home, self._mailboxes = home, mailboxes

    def __missing__(self, rest: Row) -> bytes:
        number, active, receives, sends = rest
        mailbox = self._mailboxes.get(number)
        if mailbox is None:
            return b""
        name = mailbox if active is None else Alias(mailbox, bool(active), bool(receives), bool(sends))
        body = self[rest] = name_body(name, self._home).encode()
        return body
