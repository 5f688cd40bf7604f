"""Until when an alias lives, in the dashboard: seen coming, set, extended, lifted."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from store.services import aliases
from store.sql.database import Database
from store.sql.tables import AliasRow
from tests.api.dashboard.visitor import ADMIN, Visitor, World, words


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    """An admin of the account, signed in."""
    return visitor.signed_in(ADMIN)


@pytest.fixture
def path(world: World) -> str:
    """The Aliases tab of john."""
    return f"/mailboxes/{world.john}/aliases"


def ends(database: Database, world: World) -> tuple[Any, ...]:
    with database.read() as tx:
        found = aliases.get(tx, world.sales)
    return found.expires_at, found.expires_after, found.expires_when_idle


def test_set_changed_and_lifted(admin: Visitor, database: Database, world: World, path: str) -> None:
    at = f"{path}/{world.sales}/end"
    assert "Until when" in words(admin.get(path))
    assert "It has taken 0 so far." in words(admin.get(at))
    answer = admin.post(at, last_day="2099-01-31", expires_after="100", expires_when_idle="")
    assert answer.status_code == 303
    assert ends(database, world) == (datetime(2099, 2, 1, tzinfo=UTC), 100, None)
    page = admin.get(answer.headers["Location"])
    assert "Expires 1 Feb 2099" in words(page)
    assert 'value="2099-01-31"' in admin.get(at).text
    with database.write() as tx:
        aliases.update(tx, world.sales, expires_at=datetime(2099, 1, 31, 12, tzinfo=UTC))
    admin.post(at, last_day="2099-01-31", expires_after="", expires_when_idle="30")
    assert ends(database, world) == (datetime(2099, 1, 31, 12, tzinfo=UTC), None, 30)  # the hour stays
    admin.post(at, last_day="", expires_after="", expires_when_idle="")
    assert ends(database, world) == (None, None, None)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"last_day": "tomorrow"}, "Write the day as 2027-01-31"),
        ({"last_day": "2001-01-01"}, "The alias would have expired already"),
        ({"last_day": "9999-12-31"}, "Write the day as"),
        ({"expires_after": "ten"}, "Write a whole number"),
        ({"expires_after": "0"}, "Must be from 1 to 1000000 mails"),
        ({"expires_when_idle": "-1"}, "Write a whole number"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    admin: Visitor, database: Database, world: World, path: str, typed: dict[str, str], told: str
) -> None:
    answer = admin.post(f"{path}/{world.sales}/end", **typed)
    assert answer.status_code == 422
    assert told in words(answer)
    assert f'value="{next(iter(typed.values()))}"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert ends(database, world) == (None, None, None)


def test_the_owner_sees_it_coming(admin: Visitor, database: Database, world: World, path: str) -> None:
    for left, state, link, seen in (
        (timedelta(days=30), "Active", "Until when", None),
        (timedelta(days=6), "Active", "Extend", "1 alias has expired, or will within 7 days."),
        (timedelta(days=-1), "Expired", "Extend", "1 alias has expired, or will within 7 days."),
    ):
        off_at = int((datetime.now(UTC) + left).timestamp())
        with database.write() as tx:
            tx.execute(update(AliasRow).where(AliasRow.id == world.sales).values(off_at=off_at))
        page = admin.get(path)
        assert re.search(rf'id="end-{world.sales}"[^>]*>{link}<', page.text)
        assert f">{state}</span>" in page.text
        assert (seen is None) is ('id="ending"' not in page.text)
        assert seen is None or seen in words(page)
    assert "It has expired, and stays taken" in words(admin.get(f"{path}/{world.sales}/end"))
    admin.post(f"{path}/{world.sales}/end", last_day="2099-01-31")
    assert ">Expired</span>" not in admin.get(path).text


def test_one_that_is_gone(admin: Visitor, database: Database, world: World, path: str) -> None:
    with database.write() as tx:
        aliases.remove(tx, world.sales)
    for answer in (admin.get(f"{path}/{world.sales}/end"), admin.post(f"{path}/{world.sales}/end", last_day="")):
        assert answer.status_code == 404
        assert "not there any more" in words(answer)
