"""The token query that every request of the API begins with: whose token is it?

It is asked before any account is known, so outside the transactions that are bound to one, and only by the digest of
the whole secret.
"""

from typing import Any

from sqlalchemy import bindparam, select

from store.sql.database import Database
from store.sql.prepared import Prepared
from store.sql.tables import AccountRow, TokenRow

_STATEMENT = Prepared(
    select(*TokenRow.__table__.columns, AccountRow.is_active.label("account_is_active"))
    .join_from(TokenRow, AccountRow, AccountRow.id == TokenRow.account_id, isouter=True)
    .where(TokenRow.sha256 == bindparam("sha256"))
)


def token_of(database: Database, sha256: str) -> Any:
    """Return the columns of a token and ``account_is_active``, which is None for an operator's; None for no token.

    Raises:
        StoreUnavailable, StoreNotReady: see :mod:`store.errors`.
    """
    with database.alone() as connection:
        return _STATEMENT.row(connection, {"sha256": sha256})
