"""From ``[store] url`` to the database it names."""

from pathlib import Path
from typing import ClassVar, Protocol

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from store.errors import StoreNotReady
from store.sql.pool_profiles import PoolProfile
from store.sql.sqlite import Sqlite

_KNOWN = "Byname knows sqlite:////absolute/path/to/file and postgresql://user:password@host/name"

_POSTGRESQL = {"postgresql", "postgres", "postgresql+psycopg"}
_SQLITE = {"sqlite", "sqlite+pysqlite"}


class Backend(Protocol):
    """A kind of database at one place."""

    writers: ClassVar[int | None]  # how many can be in a transaction at once; None: as many as there are connections

    def engine(self, purpose: PoolProfile) -> Engine:
        """Return a pool of connections; nothing is connected yet."""
        ...

    def require_present(self) -> None:
        """Raise StoreNotReady when it can be seen without connecting that there is no database."""
        ...

    def identity(self) -> object:
        """Return what changes when another database is put in this one's place, as far as that can be seen."""
        ...

    def create(self) -> None:
        """Make what must exist before the first connection. Raises StoreNotReady."""
        ...


def backend(url: str) -> Backend:
    """Return the database that ``url`` names.

    Raises:
        StoreNotReady: the URL is malformed or names a database that Byname does not know. The message does not show
            the URL, which may hold a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreNotReady(f"store.url is not a database URL; {_KNOWN}") from None
    if parsed.drivername in _SQLITE:
        return Sqlite(_file(parsed))
    if parsed.drivername in _POSTGRESQL:
        from store.sql.postgresql import Postgresql  # here, for its driver takes a while to load

        return Postgresql(parsed.set(drivername="postgresql+psycopg"))
    raise StoreNotReady(f"store.url names a kind of database that Byname does not know; {_KNOWN}")


def _file(url: URL) -> Path:
    if url.host or url.query or not url.database or url.database.startswith((":", "file:")):
        raise StoreNotReady("store.url must name a file for SQLite, with three slashes and its path: sqlite:////path")
    return Path(url.database).absolute()
