"""Another program's database, read and nothing else: the rows of some of its tables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, MetaData, Table, create_engine, event, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from store.errors import StoreNotReady, StoreUnavailable

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "mysql": "mysql+pymysql",
            "mariadb": "mysql+pymysql", "sqlite": "sqlite"}  # fmt: skip
_SECONDS = 10  # to connect


def is_url(text: str) -> bool:
    """Return whether a text names a database, and not a file."""
    return text.partition("://")[0].partition("+")[0] in _DRIVERS and "://" in text


def rows(url: str, wanted: Callable[[str], str | None]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the rows of some tables, table by table; only SELECT is sent, in a read-only transaction.

    Args:
        url: as SQLAlchemy reads it.
        wanted: returns by which name the rows of a table are to be given, None to pass it over.

    Raises:
        StoreNotReady: a URL that cannot be read, or no driver for it. The message does not show the URL.
        StoreUnavailable: the database does not answer, or refuses.
    """
    with _connection(url) as connection:
        names = sorted(name for name in inspect(connection).get_table_names() if wanted(name))
        for name in names:
            table = Table(name, MetaData(), autoload_with=connection, resolve_fks=False)
            key = list(table.primary_key.columns)
            for row in connection.execute(select(table).order_by(*key)).mappings():
                yield wanted(name) or name, {str(column): value for column, value in row.items()}


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    try:
        parsed = make_url(url)
        engine = create_engine(_driven(parsed))
    except ModuleNotFoundError as error:
        raise StoreNotReady(f"this database needs the Python package {error.name}; install it first") from None
    except (ArgumentError, NoSuchModuleError, ValueError, KeyError):
        raise StoreNotReady("this is not the URL of a database; it is like postgresql://user@host/name") from None
    event.listen(engine, "connect", read_only(engine.dialect.name))
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise StoreUnavailable("the database of that URL does not answer, or refuses what was asked") from error
    finally:
        engine.dispose()


def _driven(url: URL) -> URL:
    """Return the URL with the driver that is there, so that nothing is made where nothing is."""
    kind = url.drivername.partition("+")[0]
    if kind == "sqlite":
        return url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
    seconds = {"connect_timeout": str(_SECONDS)}
    return url.set(drivername=_DRIVERS[kind]).update_query_dict(seconds)


def read_only(kind: str) -> Callable[[Any, Any], None]:
    """Return what makes a new connection refuse every change."""
    statement = {
        "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "mysql": "SET SESSION TRANSACTION READ ONLY",
        "sqlite": "PRAGMA query_only = ON",
    }[kind]

    def connected(connection: Any, _: Any) -> None:
        with_cursor = connection.cursor()
        with_cursor.execute(statement)
        with_cursor.close()
        connection.commit()

    return connected
