"""How many aliases a mailbox has, as a part of another statement."""

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import InstrumentedAttribute

from store.sql.tables import AliasRow

# A name of its own, which a transaction's account does not narrow (store.sql.tenant): all aliases of a mailbox are of
# its account, and the mailbox itself was found by a statement that is narrowed. To ask it of each alias again takes
# longer than all the rest: a list sorted by this figure counts a million of them.
_counted = AliasRow.__table__.alias("counted")


def alias_count(mailbox_id: InstrumentedAttribute[int]) -> ScalarSelect[int]:
    """Return the number of aliases of the mailbox whose id is in a column of the enclosing statement."""
    wanted = select(func.count()).select_from(_counted).where(_counted.c.mailbox_id == mailbox_id)
    return wanted.correlate_except(_counted).scalar_subquery()
