"""Mailboxes: the places where mail ends up, and the only names that log in."""

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from routing.policy import SYSTEM_ADDRESSES
from store.passwords import hash_password
from store.services import lookup
from store.services.deletion import delete_mailboxes, refuse_destinations
from store.services.fields import check_text
from store.services.names import check_local_part, split_new_address
from store.services.rules import claim, require_active, require_free
from store.services.views import Mailbox, RemovedMailbox
from store.sql import touched
from store.sql.tables import MAILBOX, AddressRow, AliasRow, DomainRow, MailboxRow


def add(
    tx: Session,
    address: str,
    password: str,
    *,
    display_name: str = "",
    system_names: frozenset[str] = SYSTEM_ADDRESSES,
) -> Mailbox:
    """Create a mailbox. Whose domain it is decides whose mailbox it is.

    Checked in this order: the address has an ``@`` and a domain, the domain exists, the local part, system names, the
    other fields, the domain's state, whether the name is free.

    Raises:
        ServiceError: ``invalid-request``, ``invalid-domain``, ``domain-not-yours``, ``invalid-local-part``,
            ``address-reserved``, ``domain-not-active``, ``address-taken``.
    """
    local_part, domain_name = split_new_address(address)
    domain = lookup.domain_for_name(tx, domain_name)
    check_local_part(local_part, system_names)
    check_text("display_name", display_name)
    check_text("password", password)
    require_active(domain)
    require_free(tx, domain, local_part)
    name = claim(tx, domain, local_part, MAILBOX)
    tx.add(MailboxRow(id=name.id, display_name=display_name, password_hash=hash_password(password)))
    tx.flush()
    touched.mailbox(tx, name.id)
    return _view(tx, name.id)


def update(
    tx: Session,
    address: str,
    *,
    is_active: bool | None = None,
    password: str | None = None,
    display_name: str | None = None,
) -> Mailbox:
    """Pause or resume a mailbox, change its password or display name. Allowed whatever the state of its domain.

    Raises:
        ServiceError: ``not-found``, ``invalid-request``.
    """
    row = lookup.mailbox(tx, address, lock=True).mailbox
    if password is not None:
        check_text("password", password)
        row.password_hash = hash_password(password)
    if display_name is not None:
        check_text("display_name", display_name)
        row.display_name = display_name
    if is_active is not None:
        row.is_active = is_active
        touched.mailbox(tx, row.id)
    tx.flush()
    return _view(tx, row.id)


def remove(tx: Session, address: str) -> RemovedMailbox:
    """Remove a mailbox with all its aliases; their names are free again.

    Raises:
        ServiceError: ``not-found``; ``conflict`` when a domain's catch-all or system mail ends here, since that mail
            would be lost in silence.
    """
    found = lookup.mailbox(tx, address, lock=True)
    this = select(MailboxRow.id).where(MailboxRow.id == found.mailbox.id)
    refuse_destinations(tx, this, found.text)
    gone = RemovedMailbox(_view(tx, found.mailbox.id), _alias_addresses(tx, found.mailbox.id))
    delete_mailboxes(tx, this)
    return gone


def list_all(tx: Session, *, domain: str | None = None) -> list[Mailbox]:
    """Return the mailboxes, of one domain or of all, by domain and name. Raises ServiceError ``not-found``."""
    query = _query()
    if domain is not None:
        query = query.where(AddressRow.domain_id.in_(lookup.domain_ids(tx, domain)))
    return [_as_view(row) for row in tx.execute(query)]


def contents(tx: Session, address: str) -> list[str]:
    """Return the addresses of the aliases that would go with a mailbox. Raises ServiceError ``not-found``."""
    return _alias_addresses(tx, lookup.mailbox(tx, address).mailbox.id)


def _alias_addresses(tx: Session, mailbox_id: int) -> list[str]:
    query = select(AddressRow.local_part, DomainRow.name).join_from(AddressRow, DomainRow)
    query = query.join(AliasRow, AliasRow.id == AddressRow.id).where(AliasRow.mailbox_id == mailbox_id)
    return [f"{local}@{name}" for local, name in tx.execute(query.order_by(DomainRow.name, AddressRow.local_part))]


def _view(tx: Session, mailbox_id: int) -> Mailbox:
    return _as_view(tx.execute(_query().where(MailboxRow.id == mailbox_id)).one())


def _query() -> Select[MailboxRow, AddressRow, str, int]:
    aliases = select(func.count()).where(AliasRow.mailbox_id == MailboxRow.id).scalar_subquery()
    return (
        select(MailboxRow, AddressRow, DomainRow.name, aliases)
        .join_from(MailboxRow, AddressRow)
        .join(DomainRow, DomainRow.id == AddressRow.domain_id)
        .order_by(DomainRow.name, AddressRow.local_part)
    )


def _as_view(row: Row[MailboxRow, AddressRow, str, int]) -> Mailbox:
    mailbox, address, domain, alias_count = row
    return Mailbox(
        id=mailbox.id,
        address=f"{address.local_part}@{domain}",
        local_part=address.local_part,
        domain_id=address.domain_id,
        display_name=mailbox.display_name,
        is_active=mailbox.is_active,
        alias_count=alias_count,
        created_at=address.created_at,
    )
