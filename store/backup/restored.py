"""What a restore changes in what it brings back: things that were true when the backup was made and must not act again.

- It is another epoch, so that every relay builds its cache anew (docs/design.md, section 6).
- Nobody is signed in: sessions that were ended since would be back.
- Whether messages that waited then were sent since, nobody knows. They are not sent a second time.
- Who restored it, and from when, stands in its audit log.
- The scripts of people's filters are looked at anew: the mail server may have newer ones.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, null, select, update

from store.clock import utc_now
from store.sql.outbox import new_nonce
from store.sql.tables import (
    ACCEPTED,
    NO_COPY,
    OFF,
    SUBMITTING,
    UNKNOWN,
    AuditRow,
    ChallengeRow,
    ClockRow,
    FilterScriptRow,
    HalfSessionRow,
    MessageRow,
    OutboxRow,
    SessionRow,
)

_WORDS = "the store was restored from a backup made before the end of this message was known"


@dataclass(frozen=True, slots=True)
class Mark:
    """Who restores which backup."""

    actor: str
    made_at: str  # the backup was
    byname: str  # the version that made it


def mark(connection: Connection, live_version: int, told: Mark) -> None:
    """Change what was brought back, before it is in place. ``live_version``: of the store whose place it takes."""
    _new_epoch(connection, live_version)
    entry = {"action": "store.restore", "object_type": "store", "object_id": 0, "name": "store"}
    after = {"made_at": told.made_at, "byname": told.byname}
    connection.execute(insert(AuditRow).values(**entry, actor=told.actor[:200], at=utc_now(), after=after))
    for row in (SessionRow, HalfSessionRow, ChallengeRow):
        connection.execute(delete(row))
    now = utc_now()
    waiting = update(MessageRow).where(MessageRow.state.in_((ACCEPTED, SUBMITTING)))
    nothing = {"content": null(), "copy_state": NO_COPY, "copy_due_at": null(), "copy_head": null()}
    connection.execute(waiting.values(state=UNKNOWN, reply=_WORDS, due_at=null(), ended_at=now, **nothing))
    scripts = update(FilterScriptRow).where(FilterScriptRow.state != OFF)
    connection.execute(scripts.values(due_at=now, held_until=null()))


def _new_epoch(connection: Connection, live_version: int) -> None:
    found = connection.scalar(select(func.max(ClockRow.version)))
    version, nonce = max(found or 0, live_version) + 1, new_nonce()
    connection.execute(delete(ClockRow))
    connection.execute(insert(ClockRow).values(id=1, version=version, nonce=nonce, epoch=new_nonce()))
    marker = {"version": version, "nonce": nonce, "domain": "", "field": "", "value": ""}
    connection.execute(insert(OutboxRow).values(**marker, created_at=utc_now(), applied_at=utc_now()))
