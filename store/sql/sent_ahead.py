"""Statements that PostgreSQL works on while Python makes the next ones: psycopg's pipeline mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from store.sql.prepared import as_sqlalchemy

POSTGRESQL = "postgresql"


@contextmanager
def sent_ahead(tx: Session) -> Iterator[None]:
    """Send the statements of the block without waiting for what becomes of them; that is known at its end.

    They must not have rows to return, and not depend on one another's errors. Where the database is a file, or libpq
    is older than 14, each is waited for as always.

    Raises:
        sqlalchemy.exc.DBAPIError: of the first that failed; those after it were not run.
    """
    connection = tx.connection()
    if connection.dialect.name != POSTGRESQL or not psycopg.Pipeline.is_supported():
        yield
        return
    with at_driver(connection) as driver, driver.pipeline():
        yield


@contextmanager
def at_driver(connection: Connection) -> Iterator[psycopg.Connection[Any]]:
    """Use the driver's own connection in the block, with SQLAlchemy's errors, which name no values.

    Raises:
        sqlalchemy.exc.DBAPIError: in place of psycopg's. A connection that was lost is dropped.
    """
    raw = connection.connection
    try:
        yield raw.driver_connection  # type: ignore[misc]
    except psycopg.Error as error:
        raise as_sqlalchemy(connection, "", error, None) from error
    except Exception:
        raise
    except BaseException as error:  # in the middle of an exchange, as in store.sql.prepared
        connection.invalidate(error)
        raise
