"""Mailboxes: the places where mail ends up, and the only names that log in."""

from collections.abc import Collection, Sequence
from functools import cache
from hashlib import sha256

from sqlalchemy import Row, Select, select

from routing.policy import SYSTEM_ADDRESSES
from store.passwords import PasswordHash, hash_password
from store.services import aliases, audit, lookup, sessions
from store.services.deletion import delete_mailboxes, refuse_destinations, refuse_pausing
from store.services.fields import check_text
from store.services.filters import retarget
from store.services.lookup import Ref
from store.services.mailbox_order import BY_ADDRESS, Order, columns
from store.services.names import check_local_part, split_new_address
from store.services.paging import Page, holds, page_by_ids
from store.services.rules import claim, require_active
from store.services.views import Mailbox, RemovedMailbox
from store.sql import changed_fields
from store.sql.counts import alias_count
from store.sql.tables import MAILBOX, AddressRow, AliasRow, DomainRow, MailboxRow
from store.sql.tenant import Transaction
from store.wire_format.people import person_of


def add(
    tx: Transaction,
    address: str,
    password: str | PasswordHash,
    *,
    display_name: str = "",
    system_names: frozenset[str] = SYSTEM_ADDRESSES,
) -> Mailbox:
    """Create a mailbox at an address, see :func:`create`.

    Raises:
        ServiceError: as :func:`create`; ``invalid-request`` without an ``@``, ``invalid-domain``.
    """
    local_part, domain = split_new_address(address)
    return create(tx, local_part, domain, password, display_name=display_name, system_names=system_names)


def create(
    tx: Transaction,
    local_part: str,
    domain: Ref,
    password: str | PasswordHash,
    *,
    display_name: str = "",
    system_names: frozenset[str] = SYSTEM_ADDRESSES,
) -> Mailbox:
    """Create a mailbox. Whose domain it is decides whose mailbox it is.

    Doors give the password as :func:`hash_checked` returns it, so that no other change waits for the hashing.

    Checked in this order: the domain exists, the local part, system names, the other fields, the domain's state,
    whether the name is free.

    Raises:
        ServiceError: ``invalid-request``, ``domain-not-yours``, ``invalid-local-part``, ``address-reserved``,
            ``domain-not-active``, ``address-taken``, ``address-kept``.
    """
    home = lookup.domain_for_name(tx, domain)
    check_local_part(local_part, system_names)
    check_text("display_name", display_name)
    hashed = hash_checked(password)
    require_active(home)
    name = claim(tx, home, local_part, MAILBOX)
    person = person_of(home.account_id, display_name)
    tx.add(MailboxRow(id=name.id, display_name=display_name, person=person, password_hash=hashed.phc))
    tx.flush()
    changed_fields.mailbox(tx, name.id)
    changed_fields.person(tx, person)
    retarget.names_come(tx, home.account_id, {(local_part, home.name)})
    made = view(tx, name.id)
    _note(tx, "mailbox.create", home, None, made)
    return made


def hash_checked(password: str | PasswordHash) -> PasswordHash:
    """Return the hash of a password; one that is hashed already as it is. Raises ServiceError ``invalid-request``."""
    if isinstance(password, PasswordHash):
        return password
    check_text("password", password)
    return PasswordHash(hash_password(password))


def get(tx: Transaction, ref: Ref) -> Mailbox:
    """Return a mailbox. Raises ServiceError ``invalid-request``, ``not-found``."""
    return view(tx, lookup.mailbox(tx, ref).mailbox.id)


def update(
    tx: Transaction,
    ref: Ref,
    *,
    is_active: bool | None = None,
    password: str | PasswordHash | None = None,
    display_name: str | None = None,
) -> Mailbox:
    """Pause or resume a mailbox, change its password or display name. Allowed whatever the state of its domain.

    Raises:
        ServiceError: ``not-found``, ``invalid-request``; ``conflict`` for pausing where a catch-all leads.
    """
    found = lookup.mailbox(tx, ref, lock=True)
    row, before = found.mailbox, view(tx, found.mailbox.id)
    if password is not None:
        row.password_hash = hash_checked(password).phc
        sessions.end_of_mailbox(tx, row.id)
    if display_name is not None:
        check_text("display_name", display_name)
        known_as, row.display_name, row.person = row.person, display_name, person_of(found.account.id, display_name)
        if known_as != row.person:
            changed_fields.person(tx, known_as, row.person)
    if is_active is not None:
        if row.is_active and not is_active:
            refuse_pausing(tx, row.id, found.text)
        row.is_active = is_active
        changed_fields.mailbox(tx, row.id)
    tx.flush()
    after = view(tx, row.id)
    _note(tx, "mailbox.update" if password is None else "mailbox.set-password", found.domain, before, after)
    return after


def password_mark(tx: Transaction, ref: Ref) -> str:
    """Return by what a form knows that the password is still the one it was opened with. It tells nothing else.

    Raises:
        ServiceError: ``not-found``.
    """
    return sha256(lookup.mailbox(tx, ref).mailbox.password_hash.encode()).hexdigest()[:20]


def remove(tx: Transaction, ref: Ref) -> RemovedMailbox:
    """Remove a mailbox with all its aliases; their names are free again, or kept as the account says.

    Raises:
        ServiceError: ``not-found``; ``conflict`` when a domain's catch-all or system mail ends here, since that mail
            would be lost in silence.
    """
    found = lookup.mailbox(tx, ref, lock=True)
    this = select(MailboxRow.id).where(MailboxRow.id == found.mailbox.id)
    refuse_destinations(tx, this, found.text)
    gone = RemovedMailbox(view(tx, found.mailbox.id), _alias_addresses(tx, found.mailbox.id))
    aliases.note_removed_with(tx, AliasRow.mailbox_id == found.mailbox.id, found.account.id)
    audit.note(
        tx, "mailbox.delete", "mailbox", found.mailbox.id, found.text, gone.mailbox, None, account_id=found.account.id
    )
    delete_mailboxes(tx, this)
    return gone


def list_all(tx: Transaction, *, domain: Ref | None = None) -> list[Mailbox]:
    """Return the mailboxes, of one domain or of all, by domain and name. Raises ServiceError ``not-found``."""
    wanted = query()
    if domain is not None:
        wanted = wanted.where(AddressRow.domain_id.in_(lookup.domain_ids(tx, domain)))
    return [as_view(row) for row in tx.execute(wanted)]


def page(
    tx: Transaction,
    *,
    page: int = 1,
    per_page: int = 25,
    search: str | None = None,
    domain: Ref | None = None,
    order: Order = BY_ADDRESS,
) -> Page[Mailbox]:
    """Return a page of mailboxes, by domain and name unless another order is given.

    Args:
        search: only those whose address or display name holds it.
        domain: only those of this domain.

    Raises:
        ServiceError: ``not-found`` for the domain, ``invalid-domain``, ``invalid-request`` for the search or the order.
    """
    wanted = _ids().order_by(*columns(order))
    if search is not None or order.needs_mailbox:
        wanted = wanted.join(MailboxRow, MailboxRow.id == AddressRow.id)
    if search is not None:
        wanted = wanted.where(holds(search, AddressRow.local_part + "@" + DomainRow.name, MailboxRow.display_name))
    if domain is not None:
        wanted = wanted.where(AddressRow.domain_id.in_(lookup.domain_ids(tx, domain)))
    return page_by_ids(tx, wanted, lambda found: in_order(tx, found), page, per_page)


def addresses(tx: Transaction, ids: Collection[int]) -> dict[int, str]:
    """Return the addresses of some mailboxes by id; of those that there are."""
    names = select(AddressRow.id, AddressRow.local_part, DomainRow.name).join_from(AddressRow, DomainRow)
    return {one: f"{local}@{domain}" for one, local, domain in tx.execute(names.where(AddressRow.id.in_(ids)))}


def contents(tx: Transaction, ref: Ref) -> list[str]:
    """Return the addresses of the aliases that would go with a mailbox. Raises ServiceError ``not-found``."""
    return _alias_addresses(tx, lookup.mailbox(tx, ref).mailbox.id)


def note_removed_with(tx: Transaction, domain: DomainRow) -> None:
    """Write into the audit log that the mailboxes of a domain go with it."""
    for row in tx.execute(query().where(AddressRow.domain_id == domain.id)).all():
        gone = as_view(row)
        audit.note(tx, "mailbox.delete", "mailbox", gone.id, gone.address, gone, None, account_id=domain.account_id)


@cache
def query() -> Select[MailboxRow, AddressRow, str, int]:
    """Return the query for all mailboxes by domain and name, whose rows :func:`as_view` takes."""
    # The domain's name as a subquery: joined, it is where SQLite begins, with all names of all domains.
    domain = select(DomainRow.name).where(DomainRow.id == AddressRow.domain_id).scalar_subquery().label("domain")
    return (
        select(MailboxRow, AddressRow, domain, alias_count(MailboxRow.id))
        .join_from(MailboxRow, AddressRow)
        .order_by(domain, AddressRow.local_part)
    )


@cache
def _ids() -> Select[int]:
    """Return the query for the ids of all mailboxes, over the names alone."""
    # By their domains: otherwise SQLite goes through all names, of which most are aliases.
    at_a_domain = AddressRow.domain_id.in_(select(DomainRow.id))
    return select(AddressRow.id).join_from(AddressRow, DomainRow).where(at_a_domain, AddressRow.kind == MAILBOX)


def in_order(tx: Transaction, wanted: Sequence[int]) -> list[Mailbox]:
    """Return the mailboxes with these ids, in that order."""
    found = {row[0].id: as_view(row) for row in tx.execute(query().where(MailboxRow.id.in_(wanted)))}
    return [found[one] for one in wanted]


def view(tx: Transaction, mailbox_id: int) -> Mailbox:
    """Return one mailbox that exists."""
    return as_view(tx.execute(query().where(MailboxRow.id == mailbox_id)).one())


def as_view(found: Row[MailboxRow, AddressRow, str, int]) -> Mailbox:
    """Return a row of :func:`query` as a view."""
    mailbox, address, domain, alias_count = found
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


def _alias_addresses(tx: Transaction, mailbox_id: int) -> list[str]:
    names = select(AddressRow.local_part, DomainRow.name).join_from(AddressRow, DomainRow)
    names = names.join(AliasRow, AliasRow.id == AddressRow.id).where(AliasRow.mailbox_id == mailbox_id)
    return [f"{local}@{name}" for local, name in tx.execute(names.order_by(DomainRow.name, AddressRow.local_part))]


def _note(tx: Transaction, action: str, home: DomainRow, before: Mailbox | None, after: Mailbox) -> None:
    audit.note(tx, action, "mailbox", after.id, after.address, before, after, account_id=home.account_id)
