"""INSERT ... ON CONFLICT DO NOTHING: one statement, where a savepoint around an INSERT takes three."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Integer, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from store.sql.prepared import Prepared
from store.sql.tables import AddressRow, AliasRow, IdempotencyKeyRow, PasskeyRow, SignInAttemptRow
from store.sql.tenant import Transaction

Table = type[AddressRow] | type[IdempotencyKeyRow] | type[PasskeyRow] | type[SignInAttemptRow]

_INSERT: dict[str, Callable[[Any], Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def insert_if_free(tx: Transaction, table: Table, **values: Any) -> int | None:
    """Return the id of a new row; None when another one holds a unique key of it.

    Waits for the end of a transaction that is writing such a row. The transaction goes on in both cases.
    """
    tx.flush()
    found: int | None = _of_one(tx.get_bind().dialect.name, table, tuple(values)).scalar(tx.connection(), values)
    return found


def claim_name(tx: Transaction, values: Mapping[str, Any], mailbox_id: int | None) -> tuple[int, int] | None:
    """Return the id of a new row of ``addresses``, and how many aliases a mailbox had; as :func:`insert_if_free`.

    Of a mailbox that is locked before: nobody can give it another meanwhile.
    """
    tx.flush()
    naming = _naming(tx.get_bind().dialect.name, tuple(values))
    found = naming.row(tx.connection(), {**values, "mailbox": mailbox_id})
    return None if found is None else (found[0], found[1])


@cache
def _of_one(dialect: str, table: Table, given: tuple[str, ...]) -> Prepared:
    return Prepared(_statement(dialect, table), given)


@cache
def _statement(dialect: str, table: Table) -> Any:
    made = table.__table__
    return _INSERT[dialect](made).on_conflict_do_nothing().returning(made.c.id)


@cache
def _naming(dialect: str, given: tuple[str, ...]) -> Prepared:
    its = AliasRow.mailbox_id == bindparam("mailbox", type_=Integer())
    used = select(func.count()).select_from(AliasRow).where(its).scalar_subquery()
    return Prepared(_statement(dialect, AddressRow).returning(used), given)
