"""How much is on its way: for metrics."""

from dataclasses import dataclass

from sqlalchemy import func, select

from store.clock import utc_now
from store.sql.database import Database
from store.sql.tables import SENT, MessageRow


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages and copies that have not come to their end."""

    messages: int
    oldest_seconds: float  # of the messages; 0 for none
    copies: int  # of messages that were sent


def waiting(database: Database) -> Waiting:
    """Count them. Raises StoreUnavailable, StoreNotReady."""
    messages = select(func.count(), func.min(MessageRow.created_at)).where(MessageRow.due_at.is_not(None))
    copies = select(func.count()).where(MessageRow.copy_due_at.is_not(None), MessageRow.state == SENT)
    with database.read() as tx:
        count, oldest = tx.execute(messages).one()
        return Waiting(
            count,
            0.0 if oldest is None else max(0.0, (utc_now() - oldest).total_seconds()),
            tx.scalar(copies) or 0,
        )
