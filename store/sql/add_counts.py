"""INSERT ... ON CONFLICT DO UPDATE for counts: rows that are there are added to, in one statement for all of them.

Rows go in by the order of their keys, so that two who add at once never wait for one another in a circle. Not for the
rows of one account: what is counted belongs to whoever owns the name.
"""

from collections.abc import Callable, Mapping, Sequence
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
    made = CountBatchRow.__table__
    insert = _insert(tx, made).on_conflict_do_nothing().returning(made.c.id)
    return tx.connection().scalar(insert, {"id": batch_id}) is not None


def add_to_days(tx: Transaction, rows: Sequence[Values]) -> None:
    """Add mails: alias_id, day, rule, mails."""
    made = AliasDayRow.__table__
    insert = _insert(tx, made).values(_sorted(rows, "alias_id", "day", "rule"))
    key = [made.c.alias_id, made.c.day, made.c.rule]
    _run(tx, insert.on_conflict_do_update(index_elements=key, set_={"mails": made.c.mails + insert.excluded.mails}))


def add_to_totals(tx: Transaction, rows: Sequence[Values]) -> list[tuple[int, int]]:
    """Add accepted mails: alias_id, accepted, last_mail_at (or None). Return alias_id and how many there are by now."""
    made = AliasTotalRow.__table__
    insert = _insert(tx, made).values(_sorted(rows, "alias_id"))
    new = insert.excluded
    last = func.coalesce(
        _greatest(tx, func.coalesce(made.c.last_mail_at, new.last_mail_at), new.last_mail_at), made.c.last_mail_at
    )
    change = insert.on_conflict_do_update(
        index_elements=[made.c.alias_id], set_={"accepted": made.c.accepted + new.accepted, "last_mail_at": last}
    )
    return [(row[0], row[1]) for row in _run(tx, change.returning(made.c.alias_id, made.c.accepted))]


def add_to_senders(tx: Transaction, rows: Sequence[Values]) -> None:
    """Add what senders wrote: alias_id, sender, accepted, refused, first_at, last_at."""
    made = AliasSenderRow.__table__
    insert = _insert(tx, made).values(_sorted(rows, "alias_id", "sender"))
    new = insert.excluded
    change = {
        "accepted": made.c.accepted + new.accepted,
        "refused": made.c.refused + new.refused,
        "last_at": _greatest(tx, made.c.last_at, new.last_at),
    }
    _run(tx, insert.on_conflict_do_update(index_elements=[made.c.alias_id, made.c.sender], set_=change))


def _insert(tx: Transaction, table: Any) -> Any:
    return _INSERT[tx.get_bind().dialect.name](table)


def _greatest(tx: Transaction, *moments: Any) -> Any:
    return _GREATEST[tx.get_bind().dialect.name](*moments)


def _sorted(rows: Sequence[Values], *key: str) -> list[dict[str, Any]]:
    return [dict(row) for row in sorted(rows, key=lambda row: tuple(row[name] for name in key))]


def _run(tx: Transaction, statement: Any) -> Any:
    return tx.connection().execute(statement)
