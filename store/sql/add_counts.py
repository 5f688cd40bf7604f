"""INSERT ... ON CONFLICT DO UPDATE for counts: rows that are there are added to.

Rows go in by the order of their keys, so that two who add at once never wait for one another in a circle. Not for the
rows of one account: what is counted belongs to whoever owns the name.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects import postgresql, sqlite

from store.sql.tables import AliasDayRow, AliasSenderRow, AliasTotalRow, CountBatchRow
from store.sql.tenant import Transaction

_INSERT: dict[str, Callable[[Any], Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
_GREATEST: dict[str, Callable[..., Any]] = {"postgresql": func.greatest, "sqlite": func.max}

Values = Mapping[str, Any]


def note_batch(tx: Transaction, batch_id: str) -> bool:
    """Note that a batch is merged in this transaction; False when it was already.

    Waits for the end of a transaction that is merging the same one.
    """
    return tx.connection().scalar(_noting(_dialect(tx)), {"id": batch_id}) is not None


def add_to_days(tx: Transaction, rows: Sequence[Values]) -> None:
    """Add mails: alias_id, day, rule, mails."""
    tx.connection().execute(_adding_to_days(_dialect(tx)), _sorted(rows, "alias_id", "day", "rule"))


def add_to_totals(tx: Transaction, rows: Sequence[Values]) -> None:
    """Add accepted mails: alias_id, accepted, last_mail_at (or None)."""
    tx.connection().execute(_adding_to_totals(_dialect(tx)), _sorted(rows, "alias_id"))


def add_to_senders(tx: Transaction, rows: Sequence[Values]) -> None:
    """Add what senders wrote: alias_id, sender, accepted, refused, first_at, last_at."""
    tx.connection().execute(_adding_to_senders(_dialect(tx)), _sorted(rows, "alias_id", "sender"))


# Made once: to put a statement together takes longer than to run it.


@cache
def _noting(dialect: str) -> Any:
    made = CountBatchRow.__table__
    return _INSERT[dialect](made).on_conflict_do_nothing().returning(made.c.id)


@cache
def _adding_to_days(dialect: str) -> Any:
    made = AliasDayRow.__table__
    insert = _INSERT[dialect](made)
    key = [made.c.alias_id, made.c.day, made.c.rule]
    return insert.on_conflict_do_update(index_elements=key, set_={"mails": made.c.mails + insert.excluded.mails})


@cache
def _adding_to_totals(dialect: str) -> Any:
    made = AliasTotalRow.__table__
    insert = _INSERT[dialect](made)
    new, old = insert.excluded, made.c
    latest = _GREATEST[dialect](func.coalesce(old.last_mail_at, new.last_mail_at), new.last_mail_at)
    change = {"accepted": old.accepted + new.accepted, "last_mail_at": func.coalesce(latest, old.last_mail_at)}
    return insert.on_conflict_do_update(index_elements=[old.alias_id], set_=change)


@cache
def _adding_to_senders(dialect: str) -> Any:
    made = AliasSenderRow.__table__
    insert = _INSERT[dialect](made)
    new, old = insert.excluded, made.c
    change = {
        "accepted": old.accepted + new.accepted,
        "refused": old.refused + new.refused,
        "last_at": _GREATEST[dialect](old.last_at, new.last_at),
    }
    return insert.on_conflict_do_update(index_elements=[old.alias_id, old.sender], set_=change)


def _dialect(tx: Transaction) -> str:
    return tx.get_bind().dialect.name


def _sorted(rows: Sequence[Values], *key: str) -> list[dict[str, Any]]:
    return [dict(row) for row in sorted(rows, key=lambda row: tuple(row[name] for name in key))]
