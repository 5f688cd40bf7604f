"""Rules about the state of a domain, and the one way to claim a name in it."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from store.errors import ServiceError
from store.sql.tables import AddressRow, DomainRow
from store.sql.tenant import Transaction


def require_proved(domain: DomainRow) -> None:
    """Refuse a pending domain: it could be anyone's, and holds nothing. Raises ServiceError ``domain-not-active``."""
    if domain.verified_at is None:
        raise _not_active(domain, "is not verified yet")


def require_active(domain: DomainRow) -> None:
    """Refuse a domain that takes no new names: pending, switched off, or its proof lapsed.

    Raises:
        ServiceError: ``domain-not-active``.
    """
    require_proved(domain)
    if not domain.is_active:
        raise _not_active(domain, "is switched off")
    if domain.proof_lapsed:
        raise _not_active(domain, "takes no new names: its proof has lapsed, check its DNS records")


def require_free(tx: Transaction, domain: DomainRow, local_part: str) -> None:
    """Refuse a name that a mailbox or alias of the domain has. Raises ServiceError ``address-taken``."""
    holder = select(AddressRow.id).where(AddressRow.domain_id == domain.id, AddressRow.local_part == local_part)
    if tx.scalar(holder) is not None:
        raise taken(domain, local_part)


def claim(tx: Transaction, domain: DomainRow, local_part: str, kind: str) -> AddressRow:
    """Take a name; the unique key decides between two that come at once. Raises ServiceError ``address-taken``."""
    row = AddressRow(domain_id=domain.id, local_part=local_part, kind=kind)
    try:
        with tx.begin_nested():
            tx.add(row)
    except IntegrityError:
        raise taken(domain, local_part) from None
    return row


def taken(domain: DomainRow, local_part: str) -> ServiceError:
    """Return the refusal of a name that a mailbox or alias has."""
    return ServiceError("address-taken", f"{local_part}@{domain.name} is taken already", field="local_part")


def _not_active(domain: DomainRow, why: str) -> ServiceError:
    return ServiceError("domain-not-active", f"the domain {domain.name} {why}", field="domain_id")
