"""The last statement of every repeatable change: its answer, beside the idempotency key that its transaction took."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, select, update

from store.sql.prepared import Prepared
from store.sql.tables import AuditRow, IdempotencyKeyRow
from store.sql.tenant import Transaction

_KEYS = cast("Table", IdempotencyKeyRow.__table__)
_ANSWERED = Prepared(
    update(_KEYS)
    .where(_KEYS.c.id == bindparam("wanted"))
    .values(
        status=bindparam("answer"),
        body=bindparam("kept"),
        changed=bindparam("objects"),
        audited=select(func.max(AuditRow.id)).scalar_subquery(),
        ends_at=bindparam("until"),
    )
)


def keep_answer(tx: Transaction, key_id: int, values: Mapping[str, Any]) -> None:
    """Write an answer down: ``answer``, ``kept``, ``objects`` and ``until``, as :mod:`store.services.idempotency` says.

    Not narrowed to the token: the id is that of a key which this transaction itself took for it.
    """
    tx.flush()
    _ANSWERED.change(tx.connection(), {"wanted": key_id, **values})
