"""Deleted names that an account keeps from other mailboxes: what is kept, for whom, and until when.

A kept name has a row of ``addresses`` of its own kind, so the one unique key holds for it too. It is over by itself as
many days after the deletion as its account says (``keep_deleted_days``); the row of one that is over is in nobody's way
and goes with the next run of :func:`store.services.upkeep.upkeep`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, delete, insert, select
from sqlalchemy.orm import aliased

from store.batches import batches
from store.clock import rfc3339, utc_now
from store.errors import ServiceError
from store.sql.tables import KEPT, AccountRow, AddressRow, AliasRow, DomainRow, KeptNameRow
from store.sql.tenant import Transaction

_AT_ONCE = 500  # rows or ids in one statement

Name = tuple[int, str]  # a domain's id and a local part


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept name, as whoever wants to have it must know it."""

    id: int  # of its address
    domain_id: int
    address: str
    mailbox_id: int | None  # who may have it again; None: nobody
    until: datetime

    def is_free_for(self, mailbox_id: int | None, now: datetime) -> bool:
        """Return whether a mailbox, or a new one (None), may have the name."""
        return now >= self.until or (mailbox_id is not None and mailbox_id == self.mailbox_id)

    def refusal(self) -> ServiceError:
        """Return the refusal of the name to everyone else."""
        return ServiceError(
            "address-kept",
            f"{self.address} was deleted and is kept from other mailboxes until {self.until:%Y-%m-%d %H:%M} UTC",
            field="local_part",
            hint="choose another name, or have an admin of the account free it: Deleted names in the dashboard,"
            f" DELETE /api/v1/kept-names/{self.id}, or byname alias free {self.address}",
            details={"kept_name_id": self.id, "kept_until": rfc3339(self.until)},
        )


class Deleted(NamedTuple):
    """A name about to be deleted, of a mailbox (None: its own, or the mailbox goes too)."""

    domain_id: int
    local_part: str
    mailbox_id: int | None


def find(tx: Transaction, ids: Collection[int]) -> Iterator[Kept]:
    """Return those of some addresses that are kept names, over or not."""
    for some in batches(sorted(ids), _AT_ONCE):
        for row in tx.execute(_query().where(KeptNameRow.id.in_(some))):
            yield _kept(*row)


def at(tx: Transaction, domain_id: int, local_part: str, *, lock: bool = False) -> Kept | None:
    """Return the kept name at a domain, over or not, locked if ``lock``."""
    query = _query().where(AddressRow.domain_id == domain_id, AddressRow.local_part == local_part)
    found = tx.execute(query.with_for_update(of=AddressRow) if lock else query).one_or_none()
    return None if found is None else _kept(*found)


def give_way(tx: Transaction, domain_id: int, local_part: str, mailbox_id: int | None) -> bool:
    """Take a kept name out of the way of a mailbox that may have it, or of a new one (None).

    Returns:
        False when no name is kept there.

    Raises:
        ServiceError: ``address-kept``.
    """
    kept = at(tx, domain_id, local_part, lock=True)
    if kept is None:
        return False
    if not kept.is_free_for(mailbox_id, utc_now()):
        raise kept.refusal()
    remove(tx, [kept.id])
    return True


def remove(tx: Transaction, ids: Collection[int]) -> None:
    """Remove kept names. Who changes what their mail does then, marks it (:mod:`store.sql.changed_fields`)."""
    for some in batches(sorted(ids), _AT_ONCE):
        gone = delete(AddressRow).where(AddressRow.id.in_(some), AddressRow.kind == KEPT)
        tx.execute(gone, execution_options={"synchronize_session": False})


def leaving(tx: Transaction, which: ColumnElement[bool], *, beside: int | None) -> list[Deleted]:
    """Return the names among those about to be deleted that their account wants kept.

    Args:
        tx: the transaction.
        which: condition of their addresses.
        beside: id of a domain that goes itself: nothing of it is kept.
    """
    alias = aliased(AliasRow)
    query = (
        select(AddressRow.domain_id, AddressRow.local_part, alias.mailbox_id)
        .join_from(AddressRow, DomainRow)
        .join(AccountRow, AccountRow.id == DomainRow.account_id)
        .outerjoin(alias, alias.id == AddressRow.id)
        .where(which, AddressRow.kind != KEPT, AccountRow.keep_deleted_days > 0)
    )
    if beside is not None:
        query = query.where(AddressRow.domain_id != beside)
    return [Deleted(*row) for row in tx.execute(query)]


def keep(tx: Transaction, names: Collection[Deleted]) -> None:
    """Keep names that were just deleted."""
    now = utc_now()
    made = insert(AddressRow).returning(AddressRow.id, AddressRow.domain_id, AddressRow.local_part)
    for some in batches(sorted(names), _AT_ONCE):
        rows = [{"domain_id": one.domain_id, "local_part": one.local_part, "kind": KEPT} for one in some]
        ids: dict[Name, int] = {(row[1], row[2]): row[0] for row in tx.execute(made, rows)}
        kept = [(ids[one.domain_id, one.local_part], one.mailbox_id) for one in some]
        tx.execute(insert(KeptNameRow), [{"id": id_, "mailbox_id": owner, "deleted_at": now} for id_, owner in kept])


def until(deleted_at: datetime, days: int) -> datetime:
    """Return when a name that was deleted then is free, by what its account says now."""
    return deleted_at + timedelta(days=days)


def _query() -> Select[int, int, str, str, int | None, datetime, int]:
    names = (AddressRow.domain_id, AddressRow.local_part, DomainRow.name)
    return (
        select(KeptNameRow.id, *names, KeptNameRow.mailbox_id, KeptNameRow.deleted_at, AccountRow.keep_deleted_days)
        .join_from(KeptNameRow, AddressRow, AddressRow.id == KeptNameRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(AccountRow, AccountRow.id == DomainRow.account_id)
    )


def _kept(
    id_: int, domain_id: int, local_part: str, domain: str, mailbox_id: int | None, deleted_at: datetime, days: int
) -> Kept:
    return Kept(id_, domain_id, f"{local_part}@{domain}", mailbox_id, until(deleted_at, days))
