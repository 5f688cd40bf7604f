"""Files of hosted domains that mail servers read themselves, as people see them (store.sql.map_files)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from store.errors import ServiceError
from store.sql.map_files import is_listed_since
from store.sql.outbox import Clock, read_clock
from store.sql.tables import MapFileRow
from store.sql.tenant import Transaction


@dataclass(frozen=True, slots=True)
class MapFile:
    """A file, and whether it holds all that is hosted."""

    name: str  # host:path
    domains: int
    in_step: bool
    problem: str | None  # why it could not be written; None: nothing is known to be wrong
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
    return MapFile(row.name, row.domains, _is_in_step(tx, row, clock), row.problem, row.changed_at)


def _is_in_step(tx: Session, row: MapFileRow, clock: Clock | None) -> bool:
    if row.problem is not None or clock is None:
        return row.problem is None
    return row.epoch == clock.epoch and not tx.scalar(select(is_listed_since(row.version)))
