"""Domains as the services return them, with the names of what they point at."""

from functools import cache
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import aliased

from routing.domain import unicode_domain
from store.dns.proof import Proof, lapses_at
from store.services.views import CatchAll, Domain, DomainProof
from store.sql.tables import AccountRow, AddressRow, CatchAllRow, DomainProofRow, DomainRow, SystemMailboxRow
from store.sql.tenant import Transaction


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


def _address(row: AddressRow | None, domain: str | None) -> str | None:
    return None if row is None else f"{row.local_part}@{domain}"


def _proof(domain: DomainRow, row: DomainProofRow | None) -> DomainProof:
    if row is None:
        return DomainProof(None, None, None, None, None, None)
    lapses = lapses_at(proof_of(domain, row))
    return DomainProof(row.seen_at, row.missing_since, row.warned_at, lapses, row.parked_at, row.last_checked_at)
