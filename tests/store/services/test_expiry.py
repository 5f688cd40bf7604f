"""Until when an alias lives: what its owner may set, what follows from mail, and that nothing ends too early."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select, update

from routing.address import Address
from routing.records import Alias
from store.errors import ServiceError
from store.services import aliases, expiry
from store.services.bulk.bulk_call import Item, apply
from store.services.statistics.merging import merge
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.outbox import read_clock
from store.sql.tables import AliasRow, AuditRow
from store.sql.tenant import Transaction
from store.wire_format.counts import Batch, NameCount

FAIR, JOHN = "fair@brand-a.com", "john@brand-a.com"
DAY = 86_400
_ids = count(1)


def now() -> datetime:
    return datetime.now(UTC)


def made(world: Database, **ends: Any) -> int:
    with world.write() as tx:
        return aliases.add(tx, FAIR, JOHN, **ends).id


def mail(world: Database, mails: int, at: datetime | None = None) -> None:
    seconds = (at or now()).timestamp()
    counted = NameCount("fair", "brand-a.com", "", int(seconds // DAY), mails, seconds)
    with world.write() as tx:
        merge(tx, Batch(f"mail-{next(_ids)}", (counted,), ()))


def off_at(world: Database) -> int | None:
    """As decisions see it."""
    found = SqlDirectory(world).lookup([Address.parse(FAIR)])["brand-a.com"].names["fair"]
    assert isinstance(found, Alias)
    return found.expires_at


def version(world: Database) -> int:
    with world.read() as tx:
        clock = read_clock(tx)
    return clock.version if clock else 0


def change(world: Database, **ends: Any) -> None:
    with world.write() as tx:
        aliases.update(tx, FAIR, **ends)


REFUSED: list[tuple[Mapping[str, Any], str]] = [
    ({"expires_at": datetime(2001, 1, 1, tzinfo=UTC)}, "the alias would have expired already; give a moment to come"),
    ({"expires_at": datetime(9999, 1, 1, tzinfo=UTC)}, "the moment must lie between 1970 and 9000"),
    ({"expires_after": 0}, "must be from 1 to 1000000 mails"),
    ({"expires_after": 1_000_001}, "must be from 1 to 1000000 mails"),
    ({"expires_when_idle": 0}, "must be from 1 to 3650 days"),
    ({"expires_when_idle": 3651}, "must be from 1 to 3650 days"),
]


@pytest.mark.parametrize(("ends", "message"), REFUSED)
def test_what_is_no_end(world: Database, ends: dict[str, Any], message: str) -> None:
    def refusal(attempt: Any) -> tuple[str, str | None, str]:
        with pytest.raises(ServiceError) as caught, world.write() as tx:
            attempt(tx)
        return caught.value.code, caught.value.field, caught.value.message

    (field,) = ends
    wanted = ("invalid-request", field, message)
    assert refusal(lambda tx: aliases.add(tx, FAIR, JOHN, **ends)) == wanted
    id_ = made(world)
    assert refusal(lambda tx: aliases.update(tx, FAIR, **ends)) == wanted
    with world.read() as tx:
        owner = aliases.get(tx, id_).mailbox_id
    item = Item("update", owner, ends, alias_id=id_)
    assert refusal(lambda tx: apply(tx, [item]))[2] == f"item 0: {message}"
    assert off_at(world) is None


def test_a_date(world: Database) -> None:
    at = now() + timedelta(hours=1, microseconds=1)
    made(world, expires_at=at)
    assert off_at(world) == int((at + timedelta(seconds=1)).timestamp()) or at.microsecond == 0
    change(world, expires_at=datetime(2099, 1, 1, tzinfo=UTC))
    assert off_at(world) == datetime(2099, 1, 1, tzinfo=UTC).timestamp()
    change(world, expires_at=None)
    assert off_at(world) is None


def test_what_has_expired_can_be_extended_and_changed(world: Database) -> None:
    id_ = made(world, expires_at=datetime(2099, 1, 1, tzinfo=UTC))
    past = datetime(2001, 1, 1, tzinfo=UTC)
    with world.write() as tx:
        tx.execute(update(AliasRow).values(expires_at=past, off_at=int(past.timestamp())))
    with world.read() as tx:
        assert aliases.get(tx, id_).expired
    change(world, note="over")  # another matter
    change(world, expires_at=past)  # what it says already, as who sends back the whole object
    with world.write() as tx:
        after = aliases.update(tx, FAIR, expires_at=now() + timedelta(days=1))
    assert not after.expired


def test_after_so_many_mails(world: Database) -> None:
    id_ = made(world, expires_after=3)
    mail(world, 2)
    assert off_at(world) is None  # one is left
    before = version(world)
    mail(world, 2)  # what came within the seconds that a count takes
    reached = off_at(world)
    assert reached is not None
    assert abs(reached - now().timestamp()) < 60
    assert version(world) == before + 1  # the caches learn of it
    mail(world, 1)
    assert off_at(world) == reached
    with world.read() as tx:
        found = aliases.get(tx, id_)
        noted = tx.scalars(select(AuditRow.action).where(AuditRow.object_id == id_).order_by(AuditRow.id)).all()
    assert (found.expired, noted[-1]) == (True, "alias.expire")
    with pytest.raises(ServiceError, match="has taken 5 mails already"):
        change(world, expires_after=5)
    change(world, expires_after=6)
    assert off_at(world) is None
    mail(world, 1)
    assert off_at(world) is not None
    change(world, expires_after=None)
    assert off_at(world) is None


def test_after_so_many_days_without_mail(world: Database) -> None:
    made(world, expires_when_idle=30)
    first, today = off_at(world), now()
    assert first is not None
    assert 30 * DAY < first - today.timestamp() <= 31 * DAY + 3600 + 60  # counted from when it was set
    before = version(world)
    for _ in range(3):
        mail(world, 1)  # of the same day
    assert (off_at(world), version(world)) in {(first, before), (first + DAY, before + 1)}  # at midnight


@pytest.mark.parametrize("days", [1, 29, 90])
def test_mail_moves_the_end(world: Database, days: int) -> None:
    """Whenever it came: the end is more than the whole days behind it, and moves once a day."""
    made(world, expires_when_idle=days)
    last = now().replace(hour=0, minute=0, second=1)
    with world.write() as tx:
        tx.execute(update(AliasRow).values(idle_since=last - timedelta(days=200), off_at=1))
    for back in (5, 4, 4, 3):
        at = last - timedelta(days=back)
        mail(world, 1, at)
        found = off_at(world)
        assert found is not None
        assert days * DAY < found - at.timestamp() <= (days + 1) * DAY + 3600
    before = version(world)
    mail(world, 1, last - timedelta(days=3, seconds=-DAY // 2))
    mail(world, 1, last - timedelta(days=9))  # a batch that comes late
    assert (off_at(world), version(world)) == (found, before)


def test_days_begin_anew_when_they_are_set(world: Database) -> None:
    made(world, expires_when_idle=30)
    long_ago = now() - timedelta(days=100)
    with world.write() as tx:
        tx.execute(update(AliasRow).values(idle_since=long_ago))
        expiry.fold(tx, [aliases.get(tx, FAIR).id])
        assert aliases.get(tx, FAIR).expired
    change(world, note="x")
    with world.read() as tx:
        assert aliases.get(tx, FAIR).expired
    change(world, expires_when_idle=30)
    with world.read() as tx:
        assert not aliases.get(tx, FAIR).expired


def test_the_first_of_several(world: Database) -> None:
    soon = now() + timedelta(days=2)
    made(world, expires_at=soon, expires_after=2, expires_when_idle=30)
    assert abs((off_at(world) or 0) - soon.timestamp()) <= 1
    change(world, expires_at=None)
    assert (off_at(world) or 0) > soon.timestamp() + 20 * DAY
    mail(world, 2)
    assert (off_at(world) or 0) < soon.timestamp()


@pytest.mark.parametrize("step", [-400, -1, 1, 400])
def test_a_clock_that_steps(world: Database, step: int) -> None:
    """A milter's clock that was days off: a count is a count, and no day in the past or to come ends an alias early."""
    made(world, expires_after=2, expires_when_idle=3)
    mail(world, 1, now() + timedelta(days=step))
    end = off_at(world)
    assert end is not None
    assert 3 * DAY < end - now().timestamp() <= 4 * DAY + 3600 + 60
    mail(world, 1)
    assert (off_at(world) or 0) <= now().timestamp() + 1


def test_many_at_once(world: Database) -> None:
    first, second = made(world), 0
    soon = now() + timedelta(days=2)
    with world.write() as tx:
        one = aliases.get(tx, first)
        domain, owner = one.domain_id, one.mailbox_id
        items = [
            Item("update", owner, {"expires_at": soon, "expires_after": 5}, alias_id=first),
            Item("create", owner, {"expires_when_idle": 3}, domain_id=domain, local_part="idle"),
        ]
        results = apply(tx, items)
        second = results[1].alias.id if results[1].alias else 0
        assert [result.alias and result.alias.ends_at is not None for result in results] == [True, True]
    assert abs((off_at(world) or 0) - soon.timestamp()) <= 1
    with world.write() as tx:
        again = apply(tx, [Item("update", owner, {"expires_at": None, "expires_after": None}, alias_id=first)])
        assert again[0].alias is not None
        assert again[0].alias.ends_at is None
        assert (aliases.get(tx, second).ends_at or now()) > now() + timedelta(days=3)
    assert off_at(world) is None


def unlimited(tx: Transaction) -> None:
    assert aliases.get(tx, FAIR).ends_at is None


def test_mail_to_an_alias_without_ends_changes_nothing_in_the_cache(world: Database) -> None:
    made(world)
    before = version(world)
    mail(world, 1000)
    assert version(world) == before
    with world.read() as tx:
        unlimited(tx)
