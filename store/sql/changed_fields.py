"""The change set of a transaction: what it has changed, and which fields of the cache depend on it.

A service marks what it changes, before or after; only what a removal takes away must be marked before. At the end
of the transaction that is spread to all the fields whose value depends on it, see :func:`fields`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from routing.people import people_of
from store.batches import batches
from store.sql.tables import MAILBOX, AddressRow, AliasRow, CatchAllRow, DomainRow, MailboxRow, SystemMailboxRow
from store.wire_format.layout import CATCH_ALL, DOMAIN, field_of
from store.wire_format.people import split_stored

LISTING = ""  # the field that stands for a domain's place in the list of hosted domains
_INFO = "byname.touched"
_AT_ONCE = 500  # ids in one statement

Field = tuple[str, str]  # domain and field; for a name its local part
Pointer = type[CatchAllRow] | type[SystemMailboxRow]


@dataclass(slots=True)
class ChangedFields:
    """Fields known by now, and the ids of what is still to be spread."""

    fields: set[Field] = field(default_factory=set)
    mailboxes: set[int] = field(default_factory=set)
    domains: set[int] = field(default_factory=set)
    accounts: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        """False when nothing that a decision needs was changed."""
        return bool(self.fields or self.mailboxes or self.domains or self.accounts)


def touched(tx: Session) -> ChangedFields:
    """Return what ``tx`` has touched so far."""
    return cast("ChangedFields", tx.info.setdefault(_INFO, ChangedFields()))


def name(tx: Session, domain: str, local: str) -> None:
    """Mark one name: added, changed or removed."""
    touched(tx).fields.add((domain, field_of(local)))


def listing(tx: Session, domain: str) -> None:
    """Mark a domain that came to be hosted, or no longer is."""
    touched(tx).fields.add((domain, LISTING))


def own_record(tx: Session, domain: str) -> None:
    """Mark the change of a domain's system mailbox, or of what may be its oldest mailbox now."""
    touched(tx).fields.add((domain, DOMAIN))


def catch_all(tx: Session, domain: str) -> None:
    """Mark the change of a domain's catch-all."""
    touched(tx).fields.add((domain, CATCH_ALL))


def mailbox(tx: Session, mailbox_id: int) -> None:
    """Mark a mailbox's state as changed, which stands with each of its aliases and wherever a domain points at it."""
    touched(tx).mailboxes.add(mailbox_id)


def domain(tx: Session, domain_id: int) -> None:
    """Mark a domain's state as changed, which stands with every alias elsewhere that leads to one of its mailboxes."""
    touched(tx).domains.add(domain_id)


def account(tx: Session, account_id: int) -> None:
    """Mark an account's state as changed, which goes where its domains' state goes."""
    touched(tx).accounts.add(account_id)


def person(tx: Session, *persons: str | None) -> None:
    """Mark what mailboxes' display names say about people (``MailboxRow.person``), before a change and after it."""
    for each in filter(None, persons):
        account, key = split_stored(each)
        touched(tx).fields.update([(people_of(account), LISTING), (people_of(account), key)])


def mailboxes_go(tx: Session, mailboxes: Select[int]) -> None:
    """Mark mailboxes that are about to be removed, with their aliases."""
    for ids in batches(tx.scalars(mailboxes).all(), _AT_ONCE):
        touched(tx).fields.update(_of_mailboxes(tx, ids))
        person(tx, *tx.scalars(select(MailboxRow.person).where(MailboxRow.id.in_(ids))))


def fields(tx: Session) -> list[Field]:
    """Return every field of the cache that ``tx`` may have changed, in order, spread over what depends on them now."""
    changed = touched(tx)
    domains = changed.domains | set(_ids(tx, DomainRow.id, DomainRow.account_id, changed.accounts))
    found = set(changed.fields)
    for ids in batches(changed.mailboxes, _AT_ONCE):
        found.update(_of_mailboxes(tx, ids))
    for ids in batches(domains, _AT_ONCE):
        found.update(_of_domains(tx, ids))
    return sorted(found)


def _of_mailboxes(tx: Session, ids: list[int]) -> Iterator[Field]:
    own = select(DomainRow.name, AddressRow.local_part).join_from(AddressRow, DomainRow).where(AddressRow.id.in_(ids))
    for found, local in tx.execute(own):
        yield found, field_of(local)
        yield found, DOMAIN  # its oldest mailbox may be another now
    aliases = select(DomainRow.name, AddressRow.local_part).join_from(AddressRow, DomainRow)
    aliases = aliases.join(AliasRow, AliasRow.id == AddressRow.id).where(AliasRow.mailbox_id.in_(ids))
    for found, local in tx.execute(aliases):
        yield found, field_of(local)
    yield from _pointing(tx, lambda table: table.mailbox_id.in_(ids))


def _of_domains(tx: Session, ids: list[int]) -> Iterator[Field]:
    for found in tx.scalars(select(DomainRow.name).where(DomainRow.id.in_(ids))):
        yield found, DOMAIN
    owner = aliased(AddressRow)
    aliases = select(DomainRow.name, AddressRow.local_part).join_from(AddressRow, DomainRow)
    aliases = aliases.join(AliasRow, AliasRow.id == AddressRow.id).join(owner, owner.id == AliasRow.mailbox_id)
    elsewhere = aliases.where(owner.domain_id.in_(ids), owner.kind == MAILBOX, owner.domain_id != AddressRow.domain_id)
    for found, local in tx.execute(elsewhere):
        yield found, field_of(local)
    boxes = select(AddressRow.id).where(AddressRow.domain_id.in_(ids), AddressRow.kind == MAILBOX)
    yield from _pointing(tx, lambda table: table.mailbox_id.in_(boxes))


def _pointing(tx: Session, which: Any) -> Iterator[Field]:
    tables: tuple[tuple[Pointer, str], ...] = ((CatchAllRow, CATCH_ALL), (SystemMailboxRow, DOMAIN))
    for table, where in tables:
        condition: ColumnElement[bool] = which(table)
        for found in tx.scalars(select(DomainRow.name).join(table, table.domain_id == DomainRow.id).where(condition)):
            yield found, where


def _ids(
    tx: Session, wanted: InstrumentedAttribute[int], by: InstrumentedAttribute[int], values: Iterable[int]
) -> Iterator[int]:
    for batch in batches(values, _AT_ONCE):
        yield from tx.scalars(select(wanted).where(by.in_(batch)))
