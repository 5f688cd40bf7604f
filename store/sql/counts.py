"""How many names there are of something, as a part of another statement.

What is counted here has a name of its own, which a transaction's account does not narrow (store.sql.tenant): the names
of a mailbox or an account are that account's, and the row that they hang on was found by a statement that is narrowed.
To ask it of each name again takes longer than all the rest: a list sorted by this figure counts a million of them.
"""

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import InstrumentedAttribute

from store.sql.tables import AddressRow, AliasRow, DomainRow

_aliases = AliasRow.__table__.alias("counted")
_names, _homes = AddressRow.__table__.alias("counted_names"), DomainRow.__table__.alias("counted_homes")


def alias_count(mailbox_id: InstrumentedAttribute[int]) -> ScalarSelect[int]:
    """Return the number of aliases of the mailbox whose id is in a column of the enclosing statement."""
    wanted = select(func.count()).select_from(_aliases).where(_aliases.c.mailbox_id == mailbox_id)
    return wanted.correlate_except(_aliases).scalar_subquery()


def name_count(kind: str, account_id: InstrumentedAttribute[int]) -> ScalarSelect[int]:
    """Return the number of names of a kind of the account whose id is in a column of the enclosing statement."""
    wanted = select(func.count()).select_from(_homes).join(_names, _names.c.domain_id == _homes.c.id)
    wanted = wanted.where(_names.c.kind == kind, _homes.c.account_id == account_id)
    return wanted.correlate_except(_names, _homes).scalar_subquery()
