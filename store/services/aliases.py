"""Aliases: more names for a mailbox."""

from enum import Enum
from typing import Final, Literal

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session, aliased

from routing.policy import SYSTEM_ADDRESSES
from store.services import lookup
from store.services.accounts import is_unpaid_trial
from store.services.deletion import delete_names
from store.services.fields import check_text
from store.services.names import check_local_part, split_new_address
from store.services.plans import alias_limit, check_room
from store.services.rules import claim, require_active, require_free
from store.services.views import Alias, Usage
from store.sql import touched
from store.sql.tables import ALIAS, AddressRow, AliasRow, DomainRow


class Unset(Enum):
    """An argument that was not given, where None means something."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


def add(
    tx: Session,
    address: str,
    mailbox: str,
    *,
    can_receive: bool = True,
    can_send: bool = False,
    note: str | None = None,
    system_names: frozenset[str] = SYSTEM_ADDRESSES,
) -> Alias:
    """Give a mailbox another name, on any domain of its account.

    Checked in this order: the mailbox exists, the address has an ``@`` and a domain, the domain is the account's
    (before anything is told about the name), the local part, system names, the note, the state of the
    alias's and of the mailbox's domain, whether the name is free, and last the limit, on a locked mailbox, so that
    two at once cannot pass it.

    Raises:
        ServiceError: ``not-found``, ``invalid-request``, ``invalid-domain``, ``domain-not-yours``,
            ``invalid-local-part``, ``address-reserved``, ``domain-not-active``, ``address-taken``,
            ``feature-not-available``, ``trial-limit-reached``, ``alias-limit-reached``.
    """
    owner = lookup.mailbox(tx, mailbox)
    local_part, domain_name = split_new_address(address)
    domain = lookup.domain_for_name(tx, domain_name, account_id=owner.account.id)
    check_local_part(local_part, system_names)
    check_text("note", note or "")
    require_active(domain)
    require_active(owner.domain)
    require_free(tx, domain, local_part)
    lookup.lock_mailbox(tx, owner)
    check_room(_count(tx, owner.mailbox.id), owner.account.plan, unpaid_trial=is_unpaid_trial(owner.account))
    name = claim(tx, domain, local_part, ALIAS)
    tx.add(AliasRow(id=name.id, mailbox_id=owner.mailbox.id, can_receive=can_receive, can_send=can_send, note=note))
    tx.flush()
    touched.name(tx, domain.name, local_part)
    return _view(tx, name.id)


def update(
    tx: Session,
    address: str,
    *,
    can_receive: bool | None = None,
    can_send: bool | None = None,
    is_active: bool | None = None,
    note: str | Literal[Unset.UNSET] | None = UNSET,
) -> Alias:
    """Change what an alias may do, disable or enable it, change its note. The address itself cannot be changed.

    Raises:
        ServiceError: ``not-found``, ``invalid-request``.
    """
    found = lookup.alias(tx, address)
    row = found.alias
    if can_receive is not None:
        row.can_receive = can_receive
    if can_send is not None:
        row.can_send = can_send
    if is_active is not None:
        row.is_active = is_active
    if note is not UNSET:
        check_text("note", note or "")
        row.note = note
    tx.flush()
    touched.name(tx, found.domain.name, found.address.local_part)
    return _view(tx, row.id)


def remove(tx: Session, address: str) -> Alias:
    """Delete an alias and free its name. Raises ServiceError ``not-found``."""
    found = lookup.alias(tx, address)
    gone = _view(tx, found.alias.id)
    touched.name(tx, found.domain.name, found.address.local_part)
    delete_names(tx, AddressRow.id == gone.id)
    return gone


def list_all(tx: Session, *, mailbox: str | None = None) -> list[Alias]:
    """Return the aliases, of one mailbox or of all, by domain and name. Raises ServiceError ``not-found``."""
    query = _query()
    if mailbox is not None:
        query = query.where(AliasRow.mailbox_id == lookup.mailbox(tx, mailbox).mailbox.id)
    return [_as_view(row) for row in tx.execute(query)]


def usage(tx: Session, mailbox: str) -> Usage:
    """Return how many aliases a mailbox has, disabled ones counted, and may have. Raises ServiceError ``not-found``."""
    found = lookup.mailbox(tx, mailbox)
    limit = alias_limit(found.account.plan, unpaid_trial=is_unpaid_trial(found.account))
    return Usage(_count(tx, found.mailbox.id), limit)


def _count(tx: Session, mailbox_id: int) -> int:
    return tx.scalars(select(func.count()).where(AliasRow.mailbox_id == mailbox_id)).one()


def _view(tx: Session, alias_id: int) -> Alias:
    return _as_view(tx.execute(_query().where(AliasRow.id == alias_id)).one())


def _query() -> Select[AliasRow, AddressRow, str, str, str]:
    owner, owner_domain = aliased(AddressRow), aliased(DomainRow)
    return (
        select(AliasRow, AddressRow, DomainRow.name, owner.local_part, owner_domain.name)
        .join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .join(owner, owner.id == AliasRow.mailbox_id)
        .join(owner_domain, owner_domain.id == owner.domain_id)
        .order_by(DomainRow.name, AddressRow.local_part)
    )


def _as_view(row: Row[AliasRow, AddressRow, str, str, str]) -> Alias:
    alias, address, domain, owner_local, owner_domain = row
    return Alias(
        id=alias.id,
        address=f"{address.local_part}@{domain}",
        local_part=address.local_part,
        domain_id=address.domain_id,
        domain=domain,
        mailbox_id=alias.mailbox_id,
        can_receive=alias.can_receive,
        can_send=alias.can_send,
        is_active=alias.is_active,
        note=alias.note,
        created_at=address.created_at,
        updated_at=alias.updated_at,
        mailbox=f"{owner_local}@{owner_domain}",
    )
