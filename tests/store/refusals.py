"""How a test expects a refusal: by its code, and that nothing was written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from store.errors import CODES, ServiceError
from store.sql.database import Database
from store.sql.tables import Base
from store.sql.tenant import Transaction

Change = Callable[[Transaction], object]


def counts(database: Database) -> dict[str, int]:
    """Return how many rows each table has."""
    with database.read() as tx:
        tables = Base.metadata.sorted_tables
        return {table.name: tx.scalars(select(func.count()).select_from(table)).one() for table in tables}


@contextmanager
def refused(database: Database, code: str) -> Iterator[pytest.ExceptionInfo[ServiceError]]:
    """Expect the block to be refused with ``code``, leaving every table as long as it was."""
    before = counts(database)
    with pytest.raises(ServiceError) as caught:
        yield caught
    assert caught.value.code == code, caught.value.message
    assert code in CODES
    assert counts(database) == before
