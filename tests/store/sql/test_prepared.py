"""Prepared statements: what goes in and comes out, and how they fail, as with SQLAlchemy's own execution."""

from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import pytest
from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from store.errors import ServiceError
from store.sql.database import Database
from store.sql.prepared import Prepared
from store.sql.tables import AccountRow

ACCOUNTS = cast("Table", AccountRow.__table__)
NOON = datetime(2026, 11, 30, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
GIVEN = ("name", "plan", "first_payment_at")
NEW = Prepared(insert(ACCOUNTS).returning(ACCOUNTS.c.id), GIVEN)
FOUND = Prepared(select(*ACCOUNTS.columns).where(ACCOUNTS.c.name == bindparam("wanted"), ACCOUNTS.c.plan != "nano"))
PAID = Prepared(update(ACCOUNTS).where(ACCOUNTS.c.name == bindparam("wanted")).values(first_payment_at=bindparam("at")))


def test_as_sqlalchemy_executes_it(database: Database) -> None:
    """Types both ways, defaults of the table, constants of the statement."""
    with database.write_rows() as connection:
        made = NEW.scalar(connection, {"name": "acme", "plan": "agency", "first_payment_at": NOON})
        (row,) = FOUND.rows(connection, {"wanted": "acme"})
        expected = connection.execute(select(*ACCOUNTS.columns)).one()
    assert tuple(row) == tuple(expected)
    assert (row.id, row.first_payment_at, row.is_active) == (made, NOON, True)
    assert row.first_payment_at.tzinfo is UTC


def test_none_and_how_many(database: Database) -> None:
    with database.write_rows() as connection:
        assert FOUND.row(connection, {"wanted": "acme"}) is None
        assert FOUND.scalar(connection, {"wanted": "acme"}) is None
        assert PAID.change(connection, {"wanted": "acme", "at": NOON}) == 0
        NEW.scalar(connection, {"name": "acme", "plan": "agency", "first_payment_at": None})
        assert PAID.change(connection, {"wanted": "acme", "at": NOON}) == 1
        assert FOUND.row(connection, {"wanted": "acme"}).first_payment_at == NOON


def test_a_value_that_cannot_be_kept(database: Database) -> None:
    """A moment without a zone is refused before anything runs, and the transaction goes on."""
    with database.write_rows() as connection:
        with pytest.raises(ValueError, match="time zone"):
            NEW.scalar(connection, {"name": "acme", "plan": "agency", "first_payment_at": NOON.replace(tzinfo=None)})
        assert NEW.scalar(connection, {"name": "acme", "plan": "agency", "first_payment_at": None})


def test_a_collision_is_the_store_s_conflict(database: Database) -> None:
    values = {"name": "acme", "plan": "agency", "first_payment_at": None}
    with database.write_rows() as connection:
        NEW.scalar(connection, values)
    with pytest.raises(ServiceError) as refused, database.write_rows() as connection:
        NEW.scalar(connection, values)
    assert refused.value.code == "conflict"
    assert isinstance(refused.value.__cause__, IntegrityError)
    assert "agency" not in str(refused.value.__cause__)
