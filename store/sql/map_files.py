"""Files of hosted domains beside mail servers: what each has to hold, and what each holds (docs/design.md, section 7).

A file holds the store's hosted domains as of a version of the clock. A change of who is hosted is live only when every
file holds it, for a mail server refuses what its file lacks for good. These rows belong to no account; what people see
of them is in store.services.map_files.
"""

from sqlalchemy import BigInteger, ColumnElement, Integer, bindparam, exists, insert, literal, select, update

from store.clock import utc_now
from store.sql.changed_fields import LISTING
from store.sql.database import Database
from store.sql.outbox import Clock, read_clock
from store.sql.tables import ClockRow, DomainRow, MapFileRow, OutboxRow


def has_changed(database: Database, seen: Clock) -> bool:
    """Return whether who is hosted may have changed since the clock showed ``seen``.

    Not by what is written there alone: a store that was restored counts on from an older version.

    Raises:
        StoreUnavailable, StoreNotReady: SQL does not say.
    """
    asked = {"version": seen.version, "nonce": seen.nonce, "epoch": seen.epoch}
    with database.alone() as connection:
        return connection.scalars(_UNCHANGED, asked).first() is None


def hosted(database: Database) -> tuple[Clock | None, list[str]]:
    """Return the names of all hosted domains, and what the clock showed. Raises StoreUnavailable, StoreNotReady."""
    with database.read() as tx:
        names = tx.scalars(select(DomainRow.name).where(DomainRow.verified_at.is_not(None)))
        return read_clock(tx), list(names)


def note(database: Database, name: str, held: Clock | None, domains: int, problem: str | None = None) -> None:
    """Write down what a file holds, for those who wait. ``held``: None while that is not known.

    Raises:
        StoreUnavailable, StoreNotReady: it is not written down.
    """
    values = {"version": held.version if held else 0, "epoch": held.epoch if held else ""}
    values |= {"domains": domains, "problem": problem, "changed_at": utc_now()}
    with database.write_rows() as connection:
        if not connection.execute(update(MapFileRow).where(MapFileRow.name == name).values(**values)).rowcount:
            connection.execute(insert(MapFileRow).values(name=name, **values))


def all_hold(database: Database, version: int) -> bool:
    """Return whether every file holds the change of ``version``. Raises StoreUnavailable, StoreNotReady."""
    with database.alone() as connection:
        return connection.scalars(_BEHIND, {"version": version}).first() is None


def is_listed_since(version: int) -> ColumnElement[bool]:
    """Return the condition that who is hosted was changed after a version."""
    later = select(literal(1)).where(OutboxRow.version > version, OutboxRow.field == LISTING, _IS_CHANGE)
    return exists(later)


_IS_CHANGE = OutboxRow.domain != ""  # else a row that only keeps the nonce of a version
_VERSION = bindparam("version", type_=BigInteger)
_LISTED_SINCE = exists(
    select(OutboxRow.version).where(OutboxRow.version > _VERSION, OutboxRow.field == LISTING, _IS_CHANGE)
)
_KNOWN_THEN = exists(
    select(OutboxRow.version).where(OutboxRow.version == _VERSION, OutboxRow.nonce == bindparam("nonce"))
)
_UNCHANGED = select(ClockRow.id).where(
    ClockRow.epoch == bindparam("epoch"),
    (ClockRow.nonce == bindparam("nonce")) | ((ClockRow.version > _VERSION) & _KNOWN_THEN & ~_LISTED_SINCE),
)
_BEHIND = (
    select(MapFileRow.name)
    .select_from(MapFileRow)
    .outerjoin(ClockRow, ClockRow.id == bindparam("one", 1, type_=Integer))
    .where((MapFileRow.version < _VERSION) | (MapFileRow.epoch != ClockRow.epoch))
    .limit(1)
)
