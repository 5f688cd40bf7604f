"""The statements of a hand-over (:mod:`store.services.sending.handing_over`), for the courier, who acts for everybody.

Made once, and of the table rather than of objects: to put a statement together, or an object, takes longer than to run
it.
"""

from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, case, select, update

from store.sql.prepared import Prepared
from store.sql.tables import ACCEPTED, COPY_PENDING, NO_COPY, SENT, SUBMITTING, MessageRow

Rows = Connection  # of a transaction of :meth:`store.sql.database.Database.write_rows`, or one that sees all accounts

_TABLE = cast("Table", MessageRow.__table__)
_COLUMN = _TABLE.c
_DUE = ((_COLUMN.state == ACCEPTED) | (_COLUMN.state == SUBMITTING)) & (_COLUMN.due_at <= bindparam("now"))
IS_DUE = Prepared(select(_COLUMN.id).where(_DUE).limit(1))
_TAKEN = ("id", "attempts", "sender", "login", "message_id", "recipients", "content", "key_time", "created_at")
FIRST_DUE = Prepared(
    select(*(_COLUMN[name] for name in _TAKEN))
    .where(_DUE)
    .order_by(_COLUMN.due_at, _COLUMN.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_THAT = update(_TABLE).where(_COLUMN.id == bindparam("taken"))
TAKE = Prepared(_THAT.values({name: bindparam(f"new_{name}") for name in ("state", "attempts", "due_at", "key_time")}))
_UNLESS_SENT = _THAT.where(_COLUMN.state != SENT)
WHILE_MINE = _THAT.where(_COLUMN.state == SUBMITTING, _COLUMN.attempts == bindparam("attempt"))
_ENDED: dict[str, Any] = {
    name: bindparam(f"new_{name}") for name in ("state", "reply", "ended_at", "queue_id", "refused")
}
# What is left of a message that was sent, until its copy is kept; and of one that was not, which has none.
_WHILE_COPIED = {"content": case((_COLUMN.copy_state == COPY_PENDING, _COLUMN.content), else_=None)}
_NOTHING_LEFT: dict[str, Any] = {"content": None, "copy_state": NO_COPY, "copy_due_at": None, "copy_head": None}
NOTE_SENT = Prepared(_UNLESS_SENT.values({**_ENDED, "due_at": None, **_WHILE_COPIED}))
NOTE_ENDED = Prepared(WHILE_MINE.values({**_ENDED, "due_at": None, **_NOTHING_LEFT}))
