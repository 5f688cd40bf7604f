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


# In one statement: this is asked twice for each refusal that is tested.
_COUNTS = select(
    *(
        select(func.count()).select_from(table).scalar_subquery().label(table.name)
        for table in Base.metadata.sorted_tables
    )
)


def counts(database: Database) -> dict[str, int]:
    """Return how many rows each table has."""
    with database.read() as tx:
        return dict(tx.execute(_COUNTS).one()._mapping)


@contextmanager
def refused(database: Database, code: str) -> Iterator[pytest.ExceptionInfo[ServiceError]]:
    """Expect the block to be refused with ``code``, leaving every table as long as it was."""
    before = counts(database)
    with pytest.raises(ServiceError) as caught:
        yield caught
    assert caught.value.code == code, caught.value.message
    assert code in CODES
    assert counts(database) == before
