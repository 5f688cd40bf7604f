"""Domains: adding, proving, switching off, and where their unclaimed mail goes."""

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.clock import utc_now
from store.errors import ServiceError
from store.services import lookup
from store.services.deletion import delete_domain, mailboxes_of, refuse_destinations
from store.services.domain_views import view, views
from store.services.names import domain_name
from store.services.rules import require_active, require_proved
from store.services.views import Domain
from store.sql import touched
from store.sql.tables import ALIAS, MAILBOX, AddressRow, AliasRow, CatchAllRow, DomainRow, SystemMailboxRow


def add(tx: Session, name: str, *, account: str, verified: bool = False) -> Domain:
    """Add a domain to an account: pending, or proved at once on the operator's word.

    Raises:
        ServiceError: ``invalid-domain``, ``not-found`` for the account; ``domain-taken`` when the account has the
            domain already or, for a proved one, another account has proved it.
    """
    canonical = domain_name(name)
    owner = lookup.account(tx, account)
    row = DomainRow(account_id=owner.id, name=canonical)
    try:
        with tx.begin_nested():
            tx.add(row)
    except IntegrityError:
        raise ServiceError("domain-taken", f"this account has {canonical} already", field="name") from None
    return _proved(tx, row) if verified else view(tx, row.id)


def verify(tx: Session, name: str, *, account: str) -> Domain:
    """Take a pending domain for proved. Doing so twice changes nothing.

    Raises:
        ServiceError: ``invalid-domain``, ``not-found``; ``domain-taken`` when another account has proved it.
    """
    return _proved(tx, lookup.domain(tx, name, account=account))


def update(
    tx: Session,
    name: str,
    *,
    account: str | None = None,
    is_active: bool | None = None,
    catch_all: str | None = None,
    no_catch_all: bool = False,
    system_mailbox: str | None = None,
    no_system_mailbox: bool = False,
) -> Domain:
    """Switch a domain on or off, and choose the mailboxes for unknown names and for system addresses.

    Args:
        account: which one is meant, when several have the name pending.
        catch_all: address of a mailbox of the same account; switches the catch-all on.
        no_catch_all: switch it off; the destination stays noted.
        system_mailbox: address of a mailbox of the same account.
        no_system_mailbox: forget the choice; the oldest active mailbox serves then.

    Raises:
        ServiceError: ``not-found``, ``conflict``, ``domain-not-active``, ``destination-not-a-mailbox``;
            ``invalid-request`` for two opposite wishes.
    """
    if (catch_all is not None and no_catch_all) or (system_mailbox is not None and no_system_mailbox):
        raise ServiceError("invalid-request", "one mailbox and no mailbox cannot be had together", field="catch_all")
    row = lookup.domain(tx, name, account=account)
    if is_active is not None:
        row.is_active = is_active
        touched.domain(tx, row.id)
    if catch_all is not None:
        _set_catch_all(tx, row, catch_all)
    if no_catch_all and (chosen := tx.get(CatchAllRow, row.id)):
        chosen.enabled = False
        touched.catch_all(tx, row.name)
    if system_mailbox is not None:
        _set_system_mailbox(tx, row, system_mailbox)
    if no_system_mailbox and (system := tx.get(SystemMailboxRow, row.id)):
        tx.delete(system)
        touched.own_record(tx, row.name)
    tx.flush()
    return view(tx, row.id)


def list_all(tx: Session, *, account: str | None = None) -> list[Domain]:
    """Return the domains, of one account or of all, by name. Raises ServiceError ``not-found`` for the account."""
    if account is None:
        return views(tx)
    return views(tx, account_id=lookup.account_id(tx, account))


def remove(tx: Session, name: str, *, account: str | None = None, confirmed: bool = False) -> Domain:
    """Remove a domain, with its names and with the aliases of its mailboxes on other domains.

    Args:
        account: which one is meant, when several have the name pending.
        confirmed: go on although the domain holds names.

    Raises:
        ServiceError: ``not-found``; ``domain-not-empty`` without confirmation, counting what goes with it;
            ``conflict`` when other domains' mail ends in a mailbox of this one, or several accounts have it pending.
    """
    row = lookup.domain(tx, name, account=account)
    here = mailboxes_of(row.id)
    tx.scalars(here.order_by("id").with_for_update()).all()
    if not confirmed:
        _refuse_if_holding(tx, row)
    refuse_destinations(tx, here, f"a mailbox of {row.name}", beside=row.id)
    gone = view(tx, row.id)
    delete_domain(tx, row.id, row.name)
    return gone


def _refuse_if_holding(tx: Session, row: DomainRow) -> None:
    here = AddressRow.domain_id == row.id
    by_kind = select(AddressRow.kind, func.count()).where(here).group_by(AddressRow.kind)
    counts = {row[0]: row[1] for row in tx.execute(by_kind)}
    pointing = select(func.count()).join_from(AliasRow, AddressRow, AddressRow.id == AliasRow.id)
    elsewhere = tx.scalars(pointing.where(AliasRow.mailbox_id.in_(mailboxes_of(row.id)), ~here)).one()
    mailboxes, aliases = counts.get(MAILBOX, 0), counts.get(ALIAS, 0)
    if not counts:
        return
    raise ServiceError(
        "domain-not-empty",
        f"{row.name} holds {mailboxes} mailbox(es) and {aliases} alias(es), and {elsewhere} alias(es) on other domains"
        " lead to its mailboxes; all of that would go with it",
        hint="confirm the removal to go on",
        details={"mailboxes": mailboxes, "aliases": aliases, "aliases_elsewhere": elsewhere},
    )


def _proved(tx: Session, row: DomainRow) -> Domain:
    try:
        with tx.begin_nested():
            row.verified_at = row.verified_at or utc_now()
    except IntegrityError:
        raise ServiceError(
            "domain-taken", f"another account has proved {row.name} to be its own", field="name"
        ) from None
    touched.listing(tx, row.name)
    return view(tx, row.id)


def _set_catch_all(tx: Session, row: DomainRow, address: str) -> None:
    require_active(row)
    mailbox = lookup.destination(tx, address, account_id=row.account_id)
    tx.merge(CatchAllRow(domain_id=row.id, mailbox_id=mailbox.id, enabled=True))
    touched.catch_all(tx, row.name)


def _set_system_mailbox(tx: Session, row: DomainRow, address: str) -> None:
    require_proved(row)  # a switched-off domain still has a postmaster (DESIGN section 3, row 3)
    mailbox = lookup.destination(tx, address, account_id=row.account_id)
    tx.merge(SystemMailboxRow(domain_id=row.id, mailbox_id=mailbox.id))
    touched.own_record(tx, row.name)
