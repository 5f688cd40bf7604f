"""Imports that are kept in the store: a file, checked in a dry run first, applied when someone says so.

So the file is sent once, whoever looks at it later sees the same, in any process, and one that was cut off goes on
where it stopped. The work itself is done by :mod:`store.services.importing.work`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from store.clock import utc_now
from store.errors import ServiceError
from store.services.lookup import has_id
from store.sql.tables import APPLIED, APPLYING, CHECKED, CHECKING, ImportRow
from store.sql.tenant import Transaction
from store.transfer.report import STATUSES, LineResult, Status, from_json

__all__ = ["APPLIED", "APPLYING", "CHECKED", "CHECKING", "KeptImport", "begin", "get", "keep", "recent", "text"]

KEPT = timedelta(hours=24)
BUSY = timedelta(seconds=30)  # longer than a chunk takes; after that whoever was at it is gone
MOST_WAITING = 4  # files of an account that were not applied; older ones go
SHOWN: dict[bool, int] = {True: 300, False: 100}  # results that are kept for people, of refused lines and of others
_SILENT = {"synchronize_session": False}
_NOTHING: dict[str, int] = {"lines_done": 0, **dict.fromkeys(STATUSES, 0)}


@dataclass(frozen=True, slots=True)
class KeptImport:
    """An import as people see it."""

    id: int
    started_by: str
    source: str
    state: str
    lines: int
    lines_done: int
    counts: dict[Status, int]
    shown: list[LineResult]  # refused lines and others, the first of each
    version: int | None
    created_at: datetime
    is_busy: bool  # someone is at it

    @property
    def is_under_way(self) -> bool:
        """True while it is checked or applied, or ought to be."""
        return self.state in {CHECKING, APPLYING}


_SEEN: tuple[InstrumentedAttribute[Any], ...] = tuple(
    getattr(ImportRow, name)
    for name in ("id", "started_by", "source", "state", "lines", "lines_done", *STATUSES, "shown", "version",
                 "created_at", "busy_until")
)  # fmt: skip


def keep(tx: Transaction, source: str, body: bytes) -> int:
    """Keep a file to be checked, and return the id of the import. Removes what is too old, or too much."""
    account = tx.acting.account_id
    with tx.unbound():  # whosever they are: an account may never come again
        tx.execute(delete(ImportRow).where(ImportRow.created_at < utc_now() - KEPT), execution_options=_SILENT)
    waiting = select(ImportRow.id).where(ImportRow.state != APPLIED, ImportRow.account_id == account, _is_free())
    too_many = tx.scalars(waiting.order_by(ImportRow.id.desc()).offset(MOST_WAITING - 1)).all()
    tx.execute(delete(ImportRow).where(ImportRow.id.in_(too_many)), execution_options=_SILENT)
    lines = body.count(b"\n") + (not body.endswith(b"\n"))
    row = ImportRow(
        account_id=account, started_by=tx.acting.actor, source=source, body=body, state=CHECKING, lines=lines
    )
    tx.add(row)
    tx.flush()
    return row.id


def get(tx: Transaction, import_id: int) -> KeptImport:
    """Return an import. Raises ServiceError ``not-found``."""
    found = tx.execute(select(*_SEEN).where(has_id(ImportRow.id, import_id))).one_or_none()
    if found is None:
        raise _not_found(import_id)
    return _view(found)


def recent(tx: Transaction, most: int) -> list[KeptImport]:
    """Return the latest imports, the last one first."""
    return [_view(row) for row in tx.execute(select(*_SEEN).order_by(ImportRow.id.desc()).limit(most))]


def text(tx: Transaction, import_id: int, most: int) -> str | None:
    """Return the file as text, None when it is longer than ``most`` bytes, gone, or no UTF-8.

    Raises:
        ServiceError: ``not-found``.
    """
    found = tx.execute(select(ImportRow.body).where(has_id(ImportRow.id, import_id))).one_or_none()
    if found is None:
        raise _not_found(import_id)
    try:
        return None if found.body is None or len(found.body) > most else found.body.decode()
    except UnicodeDecodeError:
        return None


def begin(tx: Transaction, import_id: int, state: str) -> bool:
    """Set an import to be checked (again), or to be applied, and return whether there is anything to do.

    One that is applied stays so, and one that is being applied goes on where it stopped: to say it twice does no harm.

    Raises:
        ServiceError: ``not-found``; ``conflict`` for one that is to be applied and was not checked.
    """
    found = get(tx, import_id)
    if found.is_busy or found.state == APPLIED or (state == CHECKING and found.state == APPLYING):
        return False
    if state == APPLYING and found.state == CHECKING:
        raise ServiceError("conflict", "this file was not checked to its end; check it again")
    if found.state != state or state == CHECKING:
        values: dict[str, Any] = {"state": state, "shown": "", **_NOTHING}
        tx.execute(update(ImportRow).where(ImportRow.id == import_id).values(values), execution_options=_SILENT)
    return True


def kept_results(before: str, results: Sequence[LineResult]) -> str:
    """Return the results that people are shown: the first of the refused lines, and the first of the others."""
    kept = [from_json(line) for line in before.splitlines()]
    room = {failed: SHOWN[failed] - sum((one.status == "failed") == failed for one in kept) for failed in SHOWN}
    lines = [before] if before else []
    for result in results:
        failed = result.status == "failed"
        if room[failed] > 0:
            room[failed] -= 1
            lines.append(result.as_json())
    return "\n".join(lines)


def _is_free() -> Any:
    return or_(ImportRow.busy_until.is_(None), ImportRow.busy_until < utc_now())


def _view(row: Any) -> KeptImport:
    return KeptImport(
        row.id,
        row.started_by,
        row.source,
        row.state,
        row.lines,
        row.lines_done,
        {status: getattr(row, status) for status in STATUSES},
        [from_json(line) for line in row.shown.splitlines()],
        row.version,
        row.created_at,
        row.busy_until is not None and row.busy_until >= utc_now(),
    )


def _not_found(import_id: int) -> ServiceError:
    return ServiceError("not-found", f"there is no import {import_id}")
