"""The work on a kept import: its file is checked, or applied from where it stopped; each chunk notes how far it came.

Killed at any moment it leaves whole chunks; whoever takes the import up again goes on after them.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from types import MappingProxyType
from typing import IO, Any, cast

import structlog
from sqlalchemy import CursorResult, or_, update

from store.clock import utc_now
from store.errors import ServiceError, StoreUnavailable
from store.services.importing.chunks import Import, run
from store.services.importing.kept import BUSY, kept_results
from store.sql.tables import APPLIED, APPLYING, CHECKED, CHECKING, ImportRow
from store.sql.tenant import Transaction
from store.transfer.csv_file import read_csv
from store.transfer.lines import MOST_LINES, Line, at_most
from store.transfer.report import LineResult
from store.transfer.virtual_file import read_virtual

READERS: Mapping[str, Callable[[IO[bytes]], Iterator[Line]]] = MappingProxyType(
    {"csv": read_csv, "postfix-virtual": read_virtual}
)
_NEXT = {CHECKING: CHECKED, APPLYING: APPLIED}
_TRIES, _PAUSE = 60, 5.0  # while the database is away; seconds
_SILENT = {"synchronize_session": False}

log = structlog.get_logger()


@dataclass(slots=True)
class _Job:
    """An import that this thread has taken."""

    id: int
    source: str
    body: bytes
    state: str
    lines_done: int

    def note(self, tx: Transaction, results: Sequence[LineResult]) -> None:
        """Note what a chunk did. Raises ServiceError ``request-in-progress`` when another one is at it."""
        row = tx.get_one(ImportRow, self.id, populate_existing=True, with_for_update=True)
        if (row.state, row.lines_done) != (self.state, self.lines_done):
            raise ServiceError("request-in-progress", "someone else is at this import")
        row.shown = kept_results(row.shown, results)
        row.lines_done += len(results)
        row.busy_until = utc_now() + BUSY
        for result in results:
            setattr(row, result.status, getattr(row, result.status) + 1)
        tx.flush()


def work(how: Import, import_id: int) -> None:
    """Do what is to be done with an import, to its end; while the database is away it waits. Logs what goes wrong."""
    was_cut_off = False
    for _ in range(_TRIES):
        try:
            if not _work(how, import_id) and was_cut_off:  # it still counts as busy, with what was begun here
                time.sleep(_PAUSE)
                continue
        except StoreUnavailable:
            was_cut_off = True
            time.sleep(_PAUSE)
            continue
        except ServiceError as error:  # removed meanwhile, or in other hands
            log.info("import-left", id=import_id, code=error.code)
        except Exception:
            log.exception("import-failed", id=import_id)
        return
    log.warning("import-given-up", id=import_id)


def _work(how: Import, import_id: int) -> bool:
    """Return False when there was nothing to take in hand."""
    job = _take(how, import_id)
    if job is None:
        return False
    lines = at_most(READERS[job.source](BytesIO(job.body)), MOST_LINES)
    values: dict[str, Any] = {"state": _NEXT[job.state], "busy_until": None}
    if job.state == CHECKING:
        _check(how, job, lines)
    else:
        version = _apply(how, job, lines)
        values |= {"body": None} | ({} if version is None else {"version": version})
    with how.database.write(how.acting) as tx:
        mine = update(ImportRow).where(ImportRow.id == job.id, ImportRow.state == job.state)
        tx.execute(mine.values(values), execution_options=_SILENT)
    return True


def _take(how: Import, import_id: int) -> _Job | None:
    """Take an import in hand; None when someone else has it, or nothing is left to do."""
    now = utc_now()
    free = or_(ImportRow.busy_until.is_(None), ImportRow.busy_until < now)
    mine = update(ImportRow).where(ImportRow.id == import_id, ImportRow.state.in_(_NEXT), free)
    with how.database.write(how.acting) as tx:
        taken = tx.execute(mine.values(busy_until=now + BUSY), execution_options=_SILENT)
        if cast("CursorResult[Any]", taken).rowcount != 1:
            return None
        row = tx.get_one(ImportRow, import_id)
        if row.state == CHECKING:  # what a check would have changed is known to itself alone
            row.lines_done = row.created = row.updated = row.unchanged = row.failed = 0
            row.shown = ""
        return _Job(row.id, row.source, row.body or b"", row.state, row.lines_done)


def _check(how: Import, job: _Job, lines: Iterator[Line]) -> None:
    for chunk in run(replace(how, dry_run=True), lines):
        with how.database.write(how.acting) as tx:
            job.note(tx, chunk.results)
        job.lines_done += len(chunk.results)


def _apply(how: Import, job: _Job, lines: Iterator[Line]) -> int | None:
    """Apply what is not done yet, and return the version of the last change."""
    version = None
    for chunk in run(replace(how, note=job.note), islice(lines, job.lines_done, None)):
        job.lines_done += len(chunk.results)
        version = chunk.version or version
    return version
