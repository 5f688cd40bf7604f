"""Domains as the services return them, with the names of what they point at."""

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from routing.domain import unicode_domain
from store.services.views import CatchAll, Domain
from store.sql.tables import AccountRow, AddressRow, CatchAllRow, DomainRow, SystemMailboxRow


def views(tx: Session, *, domain_id: int | None = None, account_id: int | None = None) -> list[Domain]:
    """Return domains as views, all or those of one id, by name."""
    caught, system = aliased(AddressRow), aliased(AddressRow)
    caught_domain, system_domain = aliased(DomainRow), aliased(DomainRow)
    query = (
        select(DomainRow, AccountRow.name, CatchAllRow.enabled, caught, caught_domain.name, system, system_domain.name)
        .join_from(DomainRow, AccountRow)
        .outerjoin(CatchAllRow, CatchAllRow.domain_id == DomainRow.id)
        .outerjoin(caught, caught.id == CatchAllRow.mailbox_id)
        .outerjoin(caught_domain, caught_domain.id == caught.domain_id)
        .outerjoin(SystemMailboxRow, SystemMailboxRow.domain_id == DomainRow.id)
        .outerjoin(system, system.id == SystemMailboxRow.mailbox_id)
        .outerjoin(system_domain, system_domain.id == system.domain_id)
        .order_by(DomainRow.name, DomainRow.id)
    )
    if domain_id is not None:
        query = query.where(DomainRow.id == domain_id)
    if account_id is not None:
        query = query.where(DomainRow.account_id == account_id)
    return [_as_view(*row) for row in tx.execute(query)]


def view(tx: Session, domain_id: int) -> Domain:
    """Return one domain that exists."""
    return views(tx, domain_id=domain_id)[0]


def _as_view(
    row: DomainRow,
    account: str,
    enabled: bool | None,
    caught: AddressRow | None,
    caught_domain: str | None,
    system: AddressRow | None,
    system_domain: str | None,
) -> Domain:
    return Domain(
        id=row.id,
        name=row.name,
        unicode_name=unicode_domain(row.name),
        status="pending_dns" if row.verified_at is None else "active" if row.is_active else "suspended",
        is_active=row.is_active,
        verified_at=row.verified_at,
        proof_lapsed=row.proof_lapsed,
        catch_all=CatchAll(bool(enabled), _address(caught, caught_domain)),
        system_mailbox_id=None if system is None else system.id,
        created_at=row.created_at,
        account=account,
        system_mailbox=_address(system, system_domain),
    )


def _address(row: AddressRow | None, domain: str | None) -> str | None:
    return None if row is None else f"{row.local_part}@{domain}"
