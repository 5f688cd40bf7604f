"""Bringing a database to the tables of this version, and looking whether it has them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

import store.migrations
from store.errors import StoreNotReady, StoreUnavailable
from store.sql.backend import Backend, backend
from store.sql.error_translation import translated
from store.sql.pool_profiles import LOOKUP, MIGRATE, PoolProfile
from store.sql.revisions import REVISIONS, read_revision, require_current
from store.sql.tables import VIEWS, Base

_LOCK = 0x62796E616D65  # "byname": one migration at a time on PostgreSQL; SQLite's BEGIN IMMEDIATE does the same
# While an ALTER TABLE waits for a long transaction, every look-up waits behind it, and a milter gives each one second.
# So it waits for less, lets them go on, and tries again, all of it, for so long:
LOCK_MS = 300
PATIENCE = 60.0
_PAUSE = 0.5


def upgrade(url: str, revision: str = REVISIONS[-1]) -> str:
    """Bring the database to this version's revision, or to an older one, all or nothing, and return that revision.

    Creates the SQLite file (mode 0640), not its folder. Runs any number of times, several at once too.

    Raises:
        StoreNotReady: the folder is missing, or the database is newer than this Byname.
        StoreUnavailable: it does not answer.
    """
    place = backend(url)
    place.create()
    patiently(place, lambda connection: _upgrade(connection, revision))
    return revision


def patiently(place: Backend, change: Callable[[Connection], None]) -> None:
    """Change the tables in one transaction, in such a way that nobody waits long; :data:`LOCK_MS` says how.

    Raises:
        StoreUnavailable: the tables were in use by others all the time; nothing was changed.
    """
    give_up = monotonic() + PATIENCE
    while True:
        try:
            with _connected(place, MIGRATE) as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                    connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_MS}"))
                change(connection)
        except StoreUnavailable as error:
            if not _is_busy(error) or monotonic() > give_up:
                raise
            sleep(_PAUSE)  # those who waited behind us go on
        else:
            return


def _upgrade(connection: Connection, revision: str) -> None:
    found = read_revision(connection)
    if found is not None and found not in REVISIONS:
        require_current(found)
    command.upgrade(alembic_config(connection), revision)
    _check_references(connection)


def _is_busy(error: StoreUnavailable) -> bool:
    """Tell whether a table was in use by others for longer than we wait."""
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and type(cause.orig).__name__ == "LockNotAvailable"


def revision(url: str) -> str | None:
    """Return the revision of the database, None when it was never migrated.

    Raises:
        StoreNotReady: there is no SQLite file.
        StoreUnavailable: it does not answer.
    """
    place = backend(url)
    place.require_present()
    with _connected(place, LOOKUP) as connection:
        return read_revision(connection)


def schema_drift(url: str) -> list[str]:
    """Return the differences between the database and this version's tables, one line each; none is as it should be.

    Raises:
        StoreNotReady: there is no SQLite file.
        StoreUnavailable: it does not answer.
    """
    place = backend(url)
    place.require_present()
    with _connected(place, LOOKUP) as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
        missing = sorted(set(VIEWS) - set(inspect(connection).get_view_names()))
    return [*map(str, differences), *(f"the view {name} is missing" for name in missing)]


def alembic_config(connection: Connection) -> Config:
    """Return the configuration for Alembic's commands on ``connection``; there is no alembic.ini."""
    config = Config()
    folder = Path(store.migrations.__file__).parent
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _connected(place: Backend, purpose: PoolProfile) -> Iterator[Connection]:
    engine = place.engine(purpose)
    try:
        with translated(place), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _check_references(connection: Connection) -> None:
    """Look for rows that a migration left pointing at nothing: foreign keys are off meanwhile on SQLite."""
    if connection.dialect.name != "sqlite":
        return
    broken: list[Any] = list(connection.exec_driver_sql("PRAGMA foreign_key_check"))
    if broken:
        tables = ", ".join(sorted({str(row[0]) for row in broken}))
        raise StoreNotReady(f"rows that point at nothing in {tables}: the database is left as it was")
