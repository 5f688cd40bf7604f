"""Domains: adding, proving, finding, removing. Switching them off and where their mail goes: domain_settings."""

from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from routing.domain import unicode_domain
from store.clock import utc_now
from store.dns.proof import Proof, lapses_at
from store.errors import ServiceError
from store.services import aliases, audit, lookup, mailboxes
from store.services.deletion import delete_domain, mailboxes_of, refuse_destinations
from store.services.domain_contents import contents
from store.services.lookup import Ref
from store.services.names import domain_name
from store.services.paging import Page, holds, page_of
from store.services.public_suffixes import refuse_public_suffix
from store.services.views import CatchAll, Domain, DomainProof
from store.sql import changed_fields
from store.sql.tables import (
    AccountRow,
    AddressRow,
    AliasRow,
    CatchAllRow,
    DomainProofRow,
    DomainRow,
    SystemMailboxRow,
)
from store.sql.tenant import Transaction


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
    _note_names_of(tx, row)
    _note(tx, "domain.delete", row, gone, None)
    if row.verified_at is not None:  # else a hosted domain of that name is another account's
        changed_fields.listing(tx, row.name)
    delete_domain(tx, row.id)
    return gone


@cache
def query() -> Select[*tuple[Any, ...]]:
    """Return the query for all domains by name, whose rows :func:`as_view` takes."""
    caught, system = aliased(AddressRow), aliased(AddressRow)
    caught_domain, system_domain = aliased(DomainRow), aliased(DomainRow)
    return (
        select(
            DomainRow,
            AccountRow.name,
            CatchAllRow.enabled,
            caught,
            caught_domain.name,
            system,
            system_domain.name,
            DomainProofRow,
        )
        .join_from(DomainRow, AccountRow)
        .outerjoin(DomainProofRow, DomainProofRow.domain_id == DomainRow.id)
        .outerjoin(CatchAllRow, CatchAllRow.domain_id == DomainRow.id)
        .outerjoin(caught, caught.id == CatchAllRow.mailbox_id)
        .outerjoin(caught_domain, caught_domain.id == caught.domain_id)
        .outerjoin(SystemMailboxRow, SystemMailboxRow.domain_id == DomainRow.id)
        .outerjoin(system, system.id == SystemMailboxRow.mailbox_id)
        .outerjoin(system_domain, system_domain.id == system.domain_id)
        .order_by(DomainRow.name, DomainRow.id)
    )


def views(tx: Transaction, *, account_id: int | None = None) -> list[Domain]:
    """Return domains as views, all or those of one account, by name."""
    wanted = query()
    if account_id is not None:
        wanted = wanted.where(DomainRow.account_id == account_id)
    return [as_view(row) for row in tx.execute(wanted)]


def view(tx: Transaction, domain_id: int) -> Domain:
    """Return one domain that exists."""
    return as_view(tx.execute(query().where(DomainRow.id == domain_id)).one())


def as_view(found: Row[*tuple[Any, ...]]) -> Domain:
    """Return a row of :func:`query` as a view."""
    row, account, enabled, caught, caught_domain, system, system_domain, proof = found
    return Domain(
        id=row.id,
        name=row.name,
        unicode_name=unicode_domain(row.name),
        status=status(row),
        is_active=row.is_active,
        verified_at=row.verified_at,
        proof_lapsed=row.proof_lapsed,
        catch_all=CatchAll(bool(enabled), _address(caught, caught_domain)),
        system_mailbox_id=None if system is None else system.id,
        created_at=row.created_at,
        account=account,
        system_mailbox=_address(system, system_domain),
        proof=_proof(row, proof),
    )


def proof_of(domain: DomainRow, row: DomainProofRow) -> Proof:
    """Return what is kept about a domain's proof, as :mod:`store.dns.proof` takes it."""
    return Proof(
        proved=domain.verified_at is not None,
        seen_at=row.seen_at,
        lapsed=domain.proof_lapsed,
        missing_since=row.missing_since,
        missing_times=row.missing_times,
        missing_last_at=row.missing_last_at,
        warned_at=row.warned_at,
    )


def status(row: DomainRow) -> str:
    """Return a domain's state in one word of :data:`STATUSES`."""
    return "pending_dns" if row.verified_at is None else "active" if row.is_active else "suspended"


# What a status is, as a condition; the same as :func:`status` says of one row.
STATUSES = {
    "pending_dns": DomainRow.verified_at.is_(None),
    "active": DomainRow.verified_at.is_not(None) & DomainRow.is_active,
    "suspended": DomainRow.verified_at.is_not(None) & ~DomainRow.is_active,
}


def _note_names_of(tx: Transaction, row: DomainRow) -> None:
    """Write into the audit log that the names of a domain go, and the aliases of its mailboxes elsewhere."""
    leading_here = AliasRow.mailbox_id.in_(mailboxes_of(row.id))
    aliases.note_removed_with(tx, (AddressRow.domain_id == row.id) | leading_here, row.account_id)
    mailboxes.note_removed_with(tx, row)


def _refuse_if_holding(tx: Transaction, row: DomainRow) -> None:
    held = contents(tx, row.id)
    if held.is_empty:
        return
    raise ServiceError(
        "domain-not-empty",
        f"{row.name} holds {held.mailboxes} mailbox(es) and {held.aliases} alias(es), and {held.aliases_elsewhere}"
        " alias(es) on other domains lead to its mailboxes; all of that would go with it",
        hint="confirm the removal to go on",
        details=asdict(held),
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


def _address(row: AddressRow | None, domain: str | None) -> str | None:
    return None if row is None else f"{row.local_part}@{domain}"


def _proof(domain: DomainRow, row: DomainProofRow | None) -> DomainProof:
    if row is None:
        return DomainProof(None, None, None, None, None, None)
    lapses = lapses_at(proof_of(domain, row))
    return DomainProof(row.seen_at, row.missing_since, row.warned_at, lapses, row.parked_at, row.last_checked_at)
