"""Bringing a backup back: looked through first, brought to this version's tables aside, then put in place at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import exists, func, select, text

from store.backup import archive, postgresql, sqlite
from store.backup.archive import Show
from store.backup.manifest import POSTGRESQL, SQLITE, Manifest
from store.backup.restored import Mark, mark
from store.errors import BadBackup, ServiceError
from store.migrations import migrate
from store.sql.backend import backend
from store.sql.database import Database
from store.sql.pool_profiles import MIGRATE
from store.sql.sqlite import Sqlite
from store.sql.tables import Base, ClockRow, OutboxRow

_OF_ITSELF = {ClockRow.__tablename__, OutboxRow.__tablename__}  # a store has rows there before anybody puts some in


def check(url: str, file: Path) -> Manifest:
    """Return the manifest of a backup that can be restored into the store at ``url``, as far as it tells.

    Raises:
        BadBackup: it is none, or from a newer Byname, or of another kind of database.
        OSError: it cannot be read.
    """
    manifest = archive.read_manifest(file)
    wanted = SQLITE if isinstance(backend(url), Sqlite) else POSTGRESQL
    if manifest.database != wanted:
        raise BadBackup(f"it is of a store in {manifest.database}, and store.url names one in {wanted}", file)
    return manifest


def require_empty(url: str) -> None:
    """Refuse a store in which there is something.

    Raises:
        ServiceError: ``confirmation-required``.
        StoreNotReady, StoreUnavailable: it cannot be looked at.
    """
    database = Database.open(url)
    try:
        with database.read() as tx:
            full = [
                table.name
                for table in Base.metadata.sorted_tables
                if table.name not in _OF_ITSELF and tx.scalar(select(exists(select(text("1")).select_from(table))))
            ]
    finally:
        database.close()
    if full:
        raise ServiceError(
            "confirmation-required",
            "the store is not empty: a restore replaces all that is in it",
            hint="make a backup of it, then say --replace",
        )


@contextmanager
def prepared(url: str, file: Path, actor: str, show: Show) -> Iterator[Callable[[], None]]:
    """Make all ready aside, and return what puts it in the place of what the store at ``url`` holds: all or nothing.

    The store has its tables (``byname db upgrade``), of this version. ``actor`` stands in its audit log.
    At the end of the block what lay aside is gone.

    Raises:
        BadBackup: it is damaged; found before anything is changed.
        StoreNotReady, StoreUnavailable, OSError: it could not be done; nothing was changed.
    """
    manifest, place = check(url, file), backend(url)
    told = Mark(actor, manifest.made_at, manifest.byname)
    with archive.work_folder(place.path.parent if isinstance(place, Sqlite) else None) as folder:
        data = archive.unpack(file, folder, show)
        if isinstance(place, Sqlite):
            with sqlite.translated():
                try:
                    put = _aside(place, manifest, data, told)
                except BadBackup as error:
                    raise BadBackup(error.reason, file) from None
                yield put
        else:
            with postgresql.staged(url, data, manifest.revision, manifest.tool or 0):
                yield lambda: postgresql.move(url, told, show)


def _aside(place: Sqlite, manifest: Manifest, data: Path, told: Mark) -> Callable[[], None]:
    sqlite.check(data)
    aside = f"sqlite:///{data}"
    if migrate.revision(aside) != manifest.revision:
        raise BadBackup("its database is of another revision than its manifest says")
    migrate.upgrade(aside)

    def put() -> None:
        _mark(place, Sqlite(data), told)
        sqlite.put(data, place.path)

    return put


def _mark(live: Sqlite, aside: Sqlite, told: Mark) -> None:
    known, made = live.engine(MIGRATE), aside.engine(MIGRATE)
    try:
        with known.begin() as connection:
            version = connection.scalar(select(func.max(ClockRow.version))) or 0
            counters = connection.execute(text("SELECT name, seq FROM sqlite_sequence")).all()
        with made.begin() as connection:
            mark(connection, version, told)
            for name, last in counters:  # no id is given a second time
                change = text("UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = :name")
                if connection.execute(change, {"name": name, "last": last}).rowcount == 0:
                    add = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)")
                    connection.execute(add, {"name": name, "last": last})
    finally:
        known.dispose()
        made.dispose()
