"""Counts of mail, merged into SQL: each batch once, for aliases only, senders only where that was asked for."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import select, update

from store.errors import ServiceError
from store.services import account_settings, accounts, aliases, audit, mailboxes
from store.services.bulk import bulk_call
from store.services.bulk.bulk_call import Item
from store.services.statistics import activity, merging
from store.services.statistics.merging import Counted, merge
from store.services.statistics.pruning import KEPT_DAYS, prune
from store.sql.database import OPERATOR, Acting, Database, Transaction
from store.sql.tables import AccountRow, AliasDayRow, AliasSenderRow, AliasTotalRow, CountBatchRow
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


def stats_of(database: Database, ref: int | str, days: int = 30, acting: Acting = OPERATOR) -> activity.Statistics:
    with database.read(acting) as tx:
        return activity.statistics(tx, ref, days=days)


def test_day_by_day(world: Database, sales: int) -> None:
    for back, rule, mails in (
        (0, "", 2),
        (0, "alias-disabled", 1),
        (29, "", 4),
        (30, "", 8),
        (29, "mailbox-paused", 16),
    ):
        merged(world, batch(NameCount("sales", "brand-a.com", rule, DAY - back, mails, YESTERDAY)))
    found = stats_of(world, "sales@brand-a.com")
    assert (len(found.days), found.days[0].day, found.days[-1].day) == (30, TODAY - timedelta(days=29), TODAY)
    assert [(day.accepted, day.refused) for day in found.days if day.accepted] == [(4, 16), (2, 1)]
    assert (found.accepted, found.refused) == (6, 17)
    assert found.refused_by_rule == {"alias-disabled": 1, "mailbox-paused": 16}
    assert found.last_mail_at == datetime.fromtimestamp(YESTERDAY, UTC)
    assert (stats_of(world, sales, 1).accepted, stats_of(world, sales, 90).accepted) == (2, 14)
    with world.read() as tx:
        alias = aliases.get(tx, sales)
        assert (alias.mails_30d, alias.refused_30d, alias.last_mail_at) == (6, 17, found.last_mail_at)
        assert [one.mails_30d for one in aliases.list_all(tx)] == [6]
        assert [one.mails_30d for one in aliases.page(tx).items] == [6]


def test_an_alias_without_mail(world: Database, sales: int) -> None:
    found = stats_of(world, sales)
    assert (found.accepted, found.refused, found.refused_by_rule, found.last_mail_at) == (0, 0, {}, None)
    with world.write() as tx:
        assert aliases.update(tx, sales, can_send=True).mails_30d == 0


def test_what_a_change_says_of_mail_stands_in_no_audit_log(world: Database, sales: int) -> None:
    merged(world, batch(accepted("sales", 1)))
    with world.write() as tx:
        assert aliases.update(tx, sales, can_send=True).mails_30d == 1
        result = bulk_call.apply(tx, [Item("update", _mailbox(tx), {"note": "x"}, alias_id=sales)])[0]
        assert result.alias is not None
        assert result.alias.mails_30d == 1
    with world.read() as tx:
        entries = audit.page(tx, object=f"alias:{sales}").items
    assert len(entries) == 3
    assert not {"mails_30d", "refused_30d", "last_mail_at"} & {key for one in entries for key in one.after or {}}


def _mailbox(tx: Transaction) -> int:
    return mailboxes.get(tx, "john@brand-a.com").id


@pytest.mark.parametrize("days", [0, -1, 91])
def test_days_that_nobody_can_ask_for(world: Database, sales: int, days: int) -> None:
    with pytest.raises(ServiceError) as refusal:
        stats_of(world, sales, days)
    assert (refusal.value.code, refusal.value.field) == ("invalid-request", "days")


def test_the_mail_of_others_is_not_there(world: Database, sales: int) -> None:
    remember(world, 30)
    merged(world, batch(accepted("sales", 1), senders=(wrote("<shop@shop.test>"),)))
    with world.read() as tx:
        rival = Acting(account_id=accounts.get(tx, "rival").id)
    for ask in (activity.statistics, activity.senders):
        with pytest.raises(ServiceError) as refusal, world.read(rival) as tx:
            ask(tx, sales)
        assert refusal.value.code == "not-found"
    with world.read(rival) as tx:
        assert activity.remembered_days(tx, sales) == 0


def test_who_wrote_the_latest_first(world: Database, sales: int) -> None:
    remember(world, 30)
    at = {"a@x.test": NOON - 300, "b@x.test": NOON - 100, "c@x.test": NOON - 200, "old@x.test": NOON - 31 * 86400}
    merged(world, batch(senders=tuple(wrote(f"<{sender}>", last=moment) for sender, moment in at.items())))
    with world.read() as tx:
        first = activity.senders(tx, sales, per_page=2)
        assert ([one.sender for one in first.items], first.total) == (["b@x.test", "c@x.test"], 3)
        assert [one.sender for one in activity.senders(tx, sales, page=2, per_page=2).items] == ["a@x.test"]


def test_what_is_old_is_forgotten(world: Database, sales: int) -> None:
    remember(world, 30)
    for back in (0, KEPT_DAYS, KEPT_DAYS + 1):
        merged(world, batch(NameCount("sales", "brand-a.com", "", DAY - back, 1, YESTERDAY)))
    senders = (wrote("<new@x.test>", last=NOON - 29 * 86400), wrote("<old@x.test>", last=NOON - 31 * 86400))
    merged(world, batch(senders=senders))
    assert prune(world) == 2
    assert set(days_of(world, sales)) == {(0, ""), (-KEPT_DAYS, "")}
    assert senders_of(world).keys() == {"new@x.test"}
    remember(world, 7)
    assert (prune(world), senders_of(world)) == (1, {})
    with world.write() as tx:
        tx.execute(update(CountBatchRow).values(merged_at=datetime.now(UTC) - timedelta(days=15)))
    assert (prune(world), prune(world)) == (4, 0)


def test_an_account_decides_what_is_remembered(world: Database, sales: int) -> None:
    with world.write() as tx:
        assert account_settings.update(tx, "acme", remember_senders_days=30).remember_senders_days == 30
    merged(world, batch(senders=(wrote("<shop@shop.test>"),)))
    with world.write() as tx:
        account_settings.update(tx, "rival", remember_senders_days=0)
    assert senders_of(world) == {"shop@shop.test": (1, 0)}
    with world.write(Acting(account_id=1)) as tx:
        account_settings.update(tx, 1, remember_senders_days=0)
    assert senders_of(world) == {}
    for days in (-1, 366):
        with pytest.raises(ServiceError) as refusal, world.write() as tx:
            account_settings.update(tx, "acme", remember_senders_days=days)
        assert (refusal.value.code, refusal.value.field) == ("invalid-request", "remember_senders_days")
