"""Error translation: exceptions of SQLAlchemy, psycopg and sqlite3 become those of :mod:`store.errors`."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from store.errors import ServiceError, StoreNotReady, StoreUnavailable
from store.sql.backend import Backend

_NOT_MIGRATED = "the database lacks tables of this version; run: byname db upgrade"

# What a driver's text holds: what we say. SQLite has no usable codes before Python 3.11.5 in all cases, PostgreSQL has
# none for a refused connection; the server's own message stays in the chained exception, for the log.
_NOT_READY = (
    ("no such table", _NOT_MIGRATED),
    ("no such column", _NOT_MIGRATED),
    ("has no column named", _NOT_MIGRATED),
    ("UndefinedTable", _NOT_MIGRATED),
    ("UndefinedColumn", _NOT_MIGRATED),
    ("file is not a database", "the file that store.url names is not an SQLite database"),
)
_UNAVAILABLE = (
    ("database is locked", "the database is locked by another program"),
    ("readonly database", "the database file cannot be written by this user"),
    ("unable to open database file", "the database file or its folder cannot be opened by this user"),
    ("disk is full", "the disk of the database is full"),
    ("malformed", "the database file is damaged"),
    ("DiskFull", "the disk of the database server is full"),
    ("password authentication failed", "the database server refuses the user or password of store.url"),
    ("no password supplied", "the database server wants a password, and store.url has none"),
    ("too many clients", "the database server has no connection left for us"),
    ("remaining connection slots", "the database server has no connection left for us"),
    ("QueryCanceled", "the database took too long"),
    ("LockNotAvailable", "the database is busy with another change of the same data"),
    ("DeadlockDetected", "the database is busy with another change of the same data"),
    ("InsufficientPrivilege", "the user of store.url may not do this in the database (conf/postgresql/roles.sql)"),
    ("ReadOnlySqlTransaction", "the database is read-only at the moment"),
    ("does not answer", "the database server does not answer"),
    ("timeout expired", "the database server does not answer"),
)
_UNREACHABLE = "the database cannot be reached"


@contextmanager
def translated(backend: Backend) -> Iterator[None]:
    """Raise the store's own exceptions for driver trouble in the block.

    Raises:
        StoreUnavailable: cannot be reached, is locked, or too late.
        StoreNotReady: there is no such database, or it is not migrated.
        ServiceError: ``conflict``, when two changes collided in a way that no service foresaw.
    """
    try:
        yield
    except IntegrityError as error:
        raise ServiceError("conflict", "another change got there first; look again and retry") from error
    except PoolTimeoutError as error:
        raise StoreUnavailable("all connections to the database are busy") from error
    except DBAPIError as error:
        backend.require_present()
        raise _translated(error) from error


def _translated(error: DBAPIError) -> StoreNotReady | StoreUnavailable:
    detail = f"{type(error.orig).__name__} {error.orig}"
    for pattern, message in _NOT_READY:
        if pattern in detail:
            return StoreNotReady(message)
    if 'database "' in detail and "does not exist" in detail:
        return StoreNotReady("the database server has no database of that name; create it, then run: byname db upgrade")
    return StoreUnavailable(next((message for pattern, message in _UNAVAILABLE if pattern in detail), _UNREACHABLE))
