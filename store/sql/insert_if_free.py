"""INSERT ... ON CONFLICT DO NOTHING: one statement, where a savepoint around an INSERT takes three."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from store.sql.tables import AddressRow, IdempotencyKeyRow, PasskeyRow, SignInAttemptRow
from store.sql.tenant import Transaction

Table = type[AddressRow] | type[IdempotencyKeyRow] | type[PasskeyRow] | type[SignInAttemptRow]

_INSERT: dict[str, Callable[[Any], Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def insert_if_free(tx: Transaction, table: Table, **values: Any) -> int | None:
    """Return the id of a new row; None when another one holds a unique key of it.

    Waits for the end of a transaction that is writing such a row. The transaction goes on in both cases.
    """
    insert = _statement(tx.get_bind().dialect.name, table)
    tx.flush()
    found: int | None = tx.connection().scalar(insert, values)  # no objects are made
    return found


@cache
def _statement(dialect: str, table: Table) -> Any:
    made = table.__table__
    return _INSERT[dialect](made).on_conflict_do_nothing().returning(made.c.id)
