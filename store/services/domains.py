"""Domains: adding, proving, switching off, finding, removing. Where their mail goes: domain_targets."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from store.clock import utc_now
from store.errors import ServiceError
from store.services import audit, lookup
from store.services.deletion import delete_domain, mailboxes_of, refuse_destinations
from store.services.domain_targets import choose_system_mailbox, forget_system_mailbox, set_catch_all, switch_catch_all
from store.services.domain_views import STATUSES, as_view, query, view, views
from store.services.lookup import Ref
from store.services.names import domain_name
from store.services.paging import Page, holds, page_of
from store.services.public_suffixes import refuse_public_suffix
from store.services.removed import note_names_of
from store.services.views import Domain
from store.sql import changed_fields
from store.sql.tables import ALIAS, MAILBOX, AddressRow, AliasRow, DomainProofRow, DomainRow
from store.sql.tenant import Transaction

__all__ = ["add", "get", "list_all", "page", "remove", "set_catch_all", "update", "verify"]


def add(tx: Transaction, name: str, *, account: Ref, verified: bool = False) -> Domain:
    """Add a domain to an account: pending, or proved at once on the operator's word.

    Raises:
        ServiceError: ``invalid-domain``, also for a public suffix; ``not-found`` for the account; ``domain-taken``
            when the account has the domain already or, for a proved one, another account has proved it.
    """
    canonical = domain_name(name)
    refuse_public_suffix(canonical)
    owner = lookup.account(tx, account)
    row = DomainRow(account_id=owner.id, name=canonical)
    try:
        with tx.begin_nested():
            tx.add(row)
            tx.flush()
            tx.add(DomainProofRow(domain_id=row.id))
    except IntegrityError:
        raise ServiceError("domain-taken", f"this account has {canonical} already", field="name") from None
    if verified:
        _prove(tx, row)
    made = view(tx, row.id)
    _note(tx, "domain.create", row, None, made)
    return made


def verify(tx: Transaction, ref: Ref, *, account: Ref | None = None, at: datetime | None = None) -> Domain:
    """Take a pending domain for proved, since ``at``: now, if it is not given. Doing so twice changes nothing.

    Raises:
        ServiceError: ``invalid-domain``, ``not-found``; ``domain-taken`` when another account has proved it.
    """
    row = lookup.domain(tx, ref, account=account)
    before = view(tx, row.id)
    _prove(tx, row, at)
    after = view(tx, row.id)
    _note(tx, "domain.verify", row, before, after)
    return after


def get(tx: Transaction, ref: Ref) -> Domain:
    """Return a domain: by name the proved one, or the first that is pending. Raises ServiceError ``not-found``."""
    return view(tx, lookup.domain_ids(tx, ref)[0])


def update(
    tx: Transaction,
    ref: Ref,
    *,
    account: Ref | None = None,
    is_active: bool | None = None,
    catch_all: Ref | None = None,
    no_catch_all: bool = False,
    system_mailbox: Ref | None = None,
    no_system_mailbox: bool = False,
) -> Domain:
    """Switch a domain on or off, and choose the mailboxes for unknown names and for system addresses.

    Args:
        ref: id or name.
        account: which one is meant, when several have the name pending.
        catch_all: a mailbox of the same account; switches the catch-all on.
        no_catch_all: switch it off; the destination stays noted.
        system_mailbox: a mailbox of the same account.
        no_system_mailbox: forget the choice; the oldest active mailbox serves then.

    Raises:
        ServiceError: ``not-found``, ``conflict``, ``domain-not-active``, ``destination-not-a-mailbox``;
            ``invalid-request`` for two opposite wishes.
    """
    if (catch_all is not None and no_catch_all) or (system_mailbox is not None and no_system_mailbox):
        raise ServiceError("invalid-request", "one mailbox and no mailbox cannot be had together", field="catch_all")
    row = lookup.domain(tx, ref, account=account)
    before = view(tx, row.id)
    if is_active is not None:
        row.is_active = is_active
        changed_fields.domain(tx, row.id)
    if catch_all is not None or no_catch_all:
        switch_catch_all(tx, row, catch_all)
    if system_mailbox is not None:
        choose_system_mailbox(tx, row, system_mailbox)
    if no_system_mailbox:
        forget_system_mailbox(tx, row)
    tx.flush()
    after = view(tx, row.id)
    _note(tx, "domain.update", row, before, after)
    return after


def list_all(tx: Transaction, *, account: Ref | None = None) -> list[Domain]:
    """Return the domains, of one account or of all, by name. Raises ServiceError ``not-found`` for the account."""
    return views(tx) if account is None else views(tx, account_id=lookup.account_id(tx, account))


def page(
    tx: Transaction, *, page: int = 1, per_page: int = 25, search: str | None = None, status: str | None = None
) -> Page[Domain]:
    """Return a page of domains, by name.

    Args:
        search: only those whose name holds it.
        status: only those; ``pending_dns``, ``active`` or ``suspended``.

    Raises:
        ServiceError: ``invalid-request``.
    """
    wanted = query()
    if search is not None:
        wanted = wanted.where(holds(search, DomainRow.name))
    if status is not None:
        if status not in STATUSES:
            raise ServiceError("invalid-request", f"status is one of {', '.join(STATUSES)}", field="status")
        wanted = wanted.where(STATUSES[status])
    return page_of(tx, wanted, as_view, page, per_page)


def remove(tx: Transaction, ref: Ref, *, account: Ref | None = None, confirmed: bool = False) -> Domain:
    """Remove a domain, with its names and with the aliases of its mailboxes on other domains.

    Args:
        ref: id or name.
        account: which one is meant, when several have the name pending.
        confirmed: go on although the domain holds names.

    Raises:
        ServiceError: ``not-found``; ``domain-not-empty`` without confirmation, counting what goes with it;
            ``conflict`` when other domains' mail ends in a mailbox of this one, or several accounts have it pending.
    """
    row = lookup.domain(tx, ref, account=account)
    here = mailboxes_of(row.id)
    tx.scalars(here.order_by("id").with_for_update()).all()
    if not confirmed:
        _refuse_if_holding(tx, row)
    refuse_destinations(tx, here, f"a mailbox of {row.name}", beside=row.id)
    gone = view(tx, row.id)
    note_names_of(tx, row)
    _note(tx, "domain.delete", row, gone, None)
    if row.verified_at is not None:  # else a hosted domain of that name is another account's
        changed_fields.listing(tx, row.name)
    delete_domain(tx, row.id)
    return gone


def _refuse_if_holding(tx: Transaction, row: DomainRow) -> None:
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


def _prove(tx: Transaction, row: DomainRow, at: datetime | None = None) -> None:
    try:
        with tx.begin_nested():
            row.verified_at = row.verified_at or at or utc_now()
    except IntegrityError:
        raise ServiceError(
            "domain-taken", f"another account has proved {row.name} to be its own", field="name"
        ) from None
    changed_fields.listing(tx, row.name)


def _note(tx: Transaction, action: str, row: DomainRow, before: Domain | None, after: Domain | None) -> None:
    audit.note(tx, action, "domain", row.id, row.name, before, after, account_id=row.account_id)
