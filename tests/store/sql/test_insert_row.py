"""Rows without objects: what is written is what was given, however many rows share it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select

from store.sql.database import Database
from store.sql.insert_row import insert_rows
from store.sql.tables import AuditRow

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
ENTRY: dict[str, Any] = {
    "at": NOON,
    "actor": "ann",
    "token_id": None,
    "action": "alias.create",
    "object_type": "alias",
    "object_id": 1,
    "name": 'wört "x"@brand-a.com',
    "before": None,
    "after": {"note": "wört", "is_active": True, "entries": []},
}


def written(database: Database, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    with database.write() as tx:
        insert_rows(tx, AuditRow, rows)
    with database.read() as tx:
        found = tx.scalars(select(AuditRow).order_by(AuditRow.id)).all()
        return [{name: getattr(row, name) for name in ENTRY} for row in found]


def test_what_each_row_says_of_itself_and_what_all_share(database: Database) -> None:
    later = NOON.astimezone(timezone(timedelta(hours=2))) + timedelta(microseconds=5)
    rows = [ENTRY, ENTRY | {"at": later, "object_id": 2, "token_id": 7, "before": {}, "after": None}]
    assert written(database, *rows) == rows


@pytest.mark.parametrize("count", [1, 3])
def test_rows_that_are_the_same(database: Database, count: int) -> None:
    assert written(database, *[ENTRY] * count) == [ENTRY] * count


def test_a_moment_without_a_zone_is_none(database: Database) -> None:
    with pytest.raises(TypeError), database.write() as tx:
        insert_rows(tx, AuditRow, [ENTRY, ENTRY | {"at": NOON.replace(tzinfo=None)}])
