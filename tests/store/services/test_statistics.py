"""Counts of mail, merged into SQL: each batch once, for aliases only, senders only where that was asked for."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import select, update

from store.services import aliases
from store.services.statistics import merging
from store.services.statistics.merging import Counted, merge
from store.sql.database import Database
from store.sql.tables import AccountRow, AliasDayRow, AliasSenderRow, AliasTotalRow
from store.wire_format.counts import Batch, NameCount, SenderCount

TODAY = datetime.now(UTC).date()
DAY = (TODAY - date(1970, 1, 1)).days
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC).timestamp()
YESTERDAY = NOON - 86400
_ids = count(1)


def accepted(local: str, mails: int, last: float = YESTERDAY, domain: str = "brand-a.com") -> NameCount:
    return NameCount(local, domain, "", DAY, mails, last)


def refused(local: str, mails: int, rule: str = "alias-disabled") -> NameCount:
    return NameCount(local, "brand-a.com", rule, DAY, mails, YESTERDAY)


def batch(*counts: NameCount, senders: tuple[SenderCount, ...] = ()) -> Batch:
    return Batch(f"batch-{next(_ids)}", counts, senders)


@pytest.fixture
def sales(world: Database) -> int:
    """The id of sales@brand-a.com."""
    with world.write() as tx:
        return aliases.add(tx, "sales@brand-a.com", "john@brand-a.com").id


def merged(database: Database, what: Batch) -> list[Counted]:
    with database.write() as tx:
        return merge(tx, what)


def days_of(database: Database, alias_id: int) -> dict[tuple[int, str], int]:
    with database.read() as tx:
        rows = tx.scalars(select(AliasDayRow).where(AliasDayRow.alias_id == alias_id))
        return {((row.day - TODAY).days, row.rule): row.mails for row in rows}


def test_a_batch_counts_once(world: Database, sales: int) -> None:
    first = batch(accepted("sales", 2), refused("sales", 3))
    (counted,) = merged(world, first)
    assert counted == Counted(sales, ("sales", "brand-a.com"), 2, 2, datetime.fromtimestamp(YESTERDAY, UTC))
    assert merged(world, first) == []
    (counted,) = merged(world, batch(accepted("sales", 1)))
    assert (counted.added, counted.accepted) == (1, 3)
    assert days_of(world, sales) == {(0, ""): 3, (0, "alias-disabled"): 3}


def test_the_last_mail_is_the_latest_accepted_one(world: Database, sales: int) -> None:
    for what in (refused("sales", 1), accepted("sales", 1, YESTERDAY), accepted("sales", 1, YESTERDAY - 9),
                 refused("sales", 1)):  # fmt: skip
        merged(world, batch(what))
    with world.read() as tx:
        row = tx.get_one(AliasTotalRow, sales)
        assert (row.accepted, row.last_mail_at) == (2, datetime.fromtimestamp(YESTERDAY, UTC))


def test_only_what_is_an_alias_is_counted(world: Database, sales: int) -> None:
    others = (accepted("john", 1), accepted("nobody", 1), accepted("sales", 1, domain="brand-b.com"),
              accepted("sales", 1, domain="rival.com"), accepted("sales", 1, domain="nowhere.test"))  # fmt: skip
    assert merged(world, batch(*others)) == []
    with world.read() as tx:
        assert tx.scalars(select(AliasDayRow)).all() == []


def test_what_goes_with_an_alias(world: Database, sales: int) -> None:
    merged(world, batch(accepted("sales", 1)))
    with world.write() as tx:
        aliases.remove(tx, sales)
    with world.read() as tx:
        assert [tx.scalars(select(table)).all() for table in (AliasDayRow, AliasTotalRow)] == [[], []]


def test_a_clock_that_is_ahead(world: Database, sales: int) -> None:
    ahead = NameCount("sales", "brand-a.com", "", 2**31 - 1, 1, 2.0**40)
    before = datetime.now(UTC)
    (counted,) = merged(world, batch(ahead))
    assert before <= counted.last_mail_at <= datetime.now(UTC)
    assert {day for day, _ in days_of(world, sales)} == {0}


def wrote(path: str, accepted: int = 1, refused: int = 0, last: float = YESTERDAY) -> SenderCount:
    return SenderCount("sales", "brand-a.com", path, accepted, refused, last)


def senders_of(database: Database) -> dict[str, tuple[int, int]]:
    with database.read() as tx:
        return {row.sender: (row.accepted, row.refused) for row in tx.scalars(select(AliasSenderRow))}


def remember(database: Database, days: int) -> None:
    with database.write() as tx:
        tx.execute(update(AccountRow).where(AccountRow.name == "acme").values(remember_senders_days=days))


def test_senders_only_where_the_account_wants_it(world: Database, sales: int) -> None:
    merged(world, batch(accepted("sales", 1), senders=(wrote("<shop@shop.test>"),)))
    assert senders_of(world) == {}
    remember(world, 30)
    paths = ("<Shop@Shop.Test>", "<shop@shop.test>", "<>", "<not an address", "<\udc80@x.test>", "<postmaster>")
    merged(world, batch(senders=tuple(map(wrote, paths))))
    merged(world, batch(senders=(wrote("<shop@shop.test>", 0, 2, YESTERDAY + 60), wrote("<shop@shop.test>", 1, 0, 9))))
    assert senders_of(world) == {"shop@shop.test": (3, 2)}
    with world.read() as tx:
        (row,) = tx.scalars(select(AliasSenderRow))
        assert row.first_at == datetime.fromtimestamp(YESTERDAY, UTC)
        assert row.last_at - row.first_at == timedelta(seconds=60)


def test_no_alias_remembers_more_than_so_many(world: Database, sales: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MOST_SENDERS", 3)
    remember(world, 30)
    merged(world, batch(senders=tuple(wrote(f"<n{number}@x.test>") for number in range(2))))
    merged(world, batch(senders=tuple(wrote(f"<n{number}@x.test>") for number in range(9))))
    merged(world, batch(senders=(wrote("<n1@x.test>"), wrote("<n7@x.test>"))))
    assert senders_of(world) == {"n0@x.test": (2, 0), "n1@x.test": (3, 0), "n2@x.test": (1, 0)}
