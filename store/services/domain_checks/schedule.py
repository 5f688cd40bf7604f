"""The schedule of DNS checks: which domains are due now."""

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select

from store.sql.tables import DomainProofRow, DomainRow
from store.sql.tenant import Transaction

_IMPATIENT = timedelta(hours=1)  # between two checks of a new domain
_NEW = timedelta(days=7)
_MISSING = timedelta(hours=12)  # between two checks of a domain whose proof is missing


def due(tx: Transaction, every: timedelta, now: datetime) -> list[int]:
    """Return the ids of domains to check now: those not checked for ``every``, sooner for new and for missing ones."""
    kept, checked = DomainProofRow, DomainProofRow.last_checked_at
    is_new = and_(DomainRow.verified_at.is_(None), DomainRow.created_at > now - _NEW)
    query = select(DomainRow.id).join(kept, kept.domain_id == DomainRow.id).where(
        or_(
            checked.is_(None),
            checked <= now - every,
            and_(is_new, checked <= now - min(every, _IMPATIENT)),
            and_(kept.missing_since.is_not(None), checked <= now - min(every, _MISSING)),
        )
    )  # fmt: skip
    return list(tx.scalars(query.order_by(checked, DomainRow.id)))
