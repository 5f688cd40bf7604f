"""Files of hosted domains that mail servers read themselves, as people see them (store.sql.map_files)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from store.clock import utc_now
from store.errors import ServiceError
from store.sql.map_files import is_listed_since
from store.sql.outbox import Clock, read_clock
from store.sql.tables import MapFileRow
from store.sql.tenant import Transaction

_SILENT = timedelta(minutes=30)  # whoever keeps a file says so every ten


@dataclass(frozen=True, slots=True)
class MapFile:
    """A file, and whether it holds all that is hosted."""

    name: str  # host:path
    domains: int
    in_step: bool
    problem: str | None  # why it may be out of step; None: nothing is known to be wrong
    changed_at: datetime


def list_all(tx: Session) -> list[MapFile]:
    """Return all files by their names."""
    clock = read_clock(tx)
    return [_file(tx, row, clock) for row in tx.scalars(select(MapFileRow).order_by(MapFileRow.name))]


def forget(tx: Transaction, name: str) -> MapFile:
    """Forget a file that no mail server reads any more, so that nobody waits for it. A daemon that keeps it returns.

    Raises:
        ServiceError: ``not-found``.
    """
    row = tx.get(MapFileRow, name)
    if row is None:
        raise ServiceError("not-found", f"there is no file {name!a}; byname map-file list shows them")
    found = _file(tx, row, read_clock(tx))
    tx.execute(delete(MapFileRow).where(MapFileRow.name == name))
    return found


def _file(tx: Session, row: MapFileRow, clock: Clock | None) -> MapFile:
    is_silent = utc_now() - row.changed_at > _SILENT
    problem = row.problem or ("nobody keeps it" if is_silent else None)
    return MapFile(row.name, row.domains, problem is None and _holds_all(tx, row, clock), problem, row.changed_at)


def _holds_all(tx: Session, row: MapFileRow, clock: Clock | None) -> bool:
    if clock is None:  # nothing was ever hosted
        return True
    return row.epoch == clock.epoch and not tx.scalar(select(is_listed_since(row.version)))
