"""Deleted names that an account keeps: from whom, for whom, until when, and who frees them."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from store.errors import ServiceError
from store.services import (
    account_settings,
    accounts,
    aliases,
    audit,
    domain_settings,
    domains,
    kept_names,
    mailboxes,
    random_aliases,
)
from store.services.bulk import bulk_call
from store.services.bulk.bulk_call import Item
from store.services.upkeep import upkeep
from store.services.views import KeptName
from store.sql.database import Database
from store.sql.tables import KeptNameRow, OutboxRow
from store.sql.tenant import Acting
from tests.store.refusals import Change, counts
from tests.store.services.test_concurrency import at_once

JOHN, MARY, INFO = "john@brand-a.com", "mary@brand-a.com", "info@brand-b.com"
PASSWORD = "correct horse"


@pytest.fixture
def kept(world: Database) -> Database:
    """acme keeps names for thirty days; info@brand-b.com was deleted from john just now, and there is mary."""
    with world.write() as tx:
        account_settings.update(tx, "acme", keep_deleted_days=30)
        mailboxes.add(tx, MARY, PASSWORD)
        aliases.add(tx, INFO, JOHN, note="secret", can_send=True)
        aliases.remove(tx, INFO)
    return world


def age(database: Database, days: float) -> None:
    """Let all kept names have been deleted so many days earlier."""
    with database.write() as tx:
        for row in tx.scalars(select(KeptNameRow)):
            row.deleted_at -= timedelta(days=days)


def refusal(database: Database, change: Change) -> ServiceError:
    """Return what a change is refused with, that wrote nothing."""
    before = counts(database)
    with pytest.raises(ServiceError) as caught, database.write() as tx:
        change(tx)
    assert counts(database) == before
    return caught.value


def names(database: Database) -> list[str]:
    with database.read() as tx:
        return [one.address for one in kept_names.list_all(tx)]


def rows(database: Database) -> int:
    with database.read() as tx:
        return tx.scalars(select(func.count()).select_from(KeptNameRow)).one()


def in_outbox(database: Database, local: str) -> str:
    """What the cache is told last of a name."""
    with database.read() as tx:
        latest = select(OutboxRow.value).where(OutboxRow.field == local).order_by(OutboxRow.version.desc())
        return (tx.scalars(latest).first() or "").partition(" ")[2]


def test_by_default_a_name_is_free_at_once(world: Database) -> None:
    with world.write() as tx:
        mailboxes.add(tx, MARY, PASSWORD)
        aliases.add(tx, INFO, JOHN)
        aliases.remove(tx, INFO)
        aliases.add(tx, INFO, MARY)
    assert names(world) == []


def test_a_kept_name_is_refused_to_others_until_when_and_how_to_free_it(kept: Database) -> None:
    with kept.read() as tx:
        (one,) = kept_names.list_all(tx)
    until = one.deleted_at + timedelta(days=30)
    assert one == KeptName(
        one.id, INFO, "info", one.domain_id, "brand-b.com", one.mailbox_id, JOHN, one.deleted_at, until
    )
    error = refusal(kept, lambda tx: aliases.add(tx, INFO, MARY))
    assert (error.code, error.status, error.field) == ("address-kept", 409, "local_part")
    assert error.message == f"{INFO} was deleted and is kept from other mailboxes until {until:%Y-%m-%d %H:%M} UTC"
    assert f"byname alias free {INFO}" in (error.hint or "")
    assert f"DELETE /api/v1/kept-names/{one.id}" in (error.hint or "")
    assert error.details["kept_name_id"] == one.id
    assert str(error.details["kept_until"]).startswith(f"{until:%Y-%m-%dT%H:%M:%S}")
    assert refusal(kept, lambda tx: aliases.check(tx, "info", "brand-b.com", MARY)).code == "address-kept"
    assert refusal(kept, lambda tx: mailboxes.add(tx, INFO, PASSWORD)).code == "address-kept"


def test_the_mailbox_that_had_it_may_have_it_again_and_nothing_is_left_of_before(kept: Database) -> None:
    with kept.read() as tx:
        found = aliases.check(tx, "info", "brand-b.com", JOHN)
    assert (found.address, found.was_its_own) == (INFO, True)
    with kept.write() as tx:
        again = aliases.add(tx, INFO, JOHN)
    assert (again.note, again.can_send) == (None, False)
    assert (names(kept), rows(kept)) == ([], 0)
    assert in_outbox(kept, "info") == "a3 7john@brand-a.com"


def test_after_its_time_anybody_may_have_it_though_no_job_ran(kept: Database) -> None:
    age(kept, 29.99)
    assert refusal(kept, lambda tx: aliases.add(tx, INFO, MARY)).code == "address-kept"
    age(kept, 0.01)
    assert (names(kept), rows(kept)) == ([], 1)
    assert refusal(kept, lambda tx: kept_names.free(tx, INFO)).code == "not-found"
    with kept.write() as tx:
        assert not aliases.check(tx, "info", "brand-b.com", MARY).was_its_own
        aliases.add(tx, INFO, MARY)
    assert rows(kept) == 0


def test_the_job_frees_what_is_over_and_tells_the_cache(kept: Database) -> None:
    assert in_outbox(kept, "info") == "a0 0info"
    with kept.write() as tx:
        aliases.add(tx, "later@brand-b.com", JOHN)
        assert kept_names.free_due(tx) == 0
    age(kept, 30)
    with kept.write() as tx:
        aliases.remove(tx, "later@brand-b.com")
        assert kept_names.free_due(tx) == 1
        assert kept_names.free_due(tx) == 0
    assert names(kept) == ["later@brand-b.com"]
    assert in_outbox(kept, "info") == "x"


def test_upkeep_frees_all_that_is_over(kept: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_names, "_AT_ONCE", 2)  # so that it takes several transactions
    with kept.write() as tx:
        for number in range(4):
            aliases.add(tx, f"n{number}@brand-b.com", JOHN)
            aliases.remove(tx, f"n{number}@brand-b.com")
    age(kept, 31)
    with kept.write() as tx:
        aliases.add(tx, "last@brand-b.com", JOHN)
        aliases.remove(tx, "last@brand-b.com")
    upkeep(kept)
    assert (names(kept), rows(kept)) == (["last@brand-b.com"], 1)


def test_an_admin_frees_it_early(kept: Database) -> None:
    with kept.write() as tx:
        assert kept_names.free(tx, INFO).mailbox == JOHN
        aliases.add(tx, INFO, MARY)
        (entry, *_) = [one for one in audit.page(tx, object=INFO).items if one.object_type == "kept-name"]
    assert (entry.action, entry.before is not None, entry.after) == ("kept-name.delete", True, None)
    assert names(kept) == []


def test_a_deleted_mailbox_leaves_names_and_nothing_of_whose_they_were(kept: Database) -> None:
    with kept.write() as tx:
        aliases.add(tx, "sales@brand-b.com", MARY)
        mailboxes.remove(tx, MARY)
    with kept.read() as tx:
        found = {one.address: (one.mailbox_id, one.mailbox) for one in kept_names.list_all(tx)}
    assert found.pop(INFO)[1] == JOHN
    assert found == {MARY: (None, None), "sales@brand-b.com": (None, None)}
    for change in (
        lambda tx: mailboxes.add(tx, MARY, PASSWORD),  # somebody else may be called so
        lambda tx: aliases.add(tx, "sales@brand-b.com", JOHN),
    ):
        assert refusal(kept, change).code == "address-kept"
    with kept.write() as tx:
        kept_names.free(tx, MARY)
        mailboxes.add(tx, MARY, PASSWORD)


def test_a_deleted_domain_keeps_nothing_of_itself_but_aliases_elsewhere(kept: Database) -> None:
    with kept.write() as tx:
        domains.add(tx, "third.com", account="acme", verified=True)
        mailboxes.add(tx, "eva@third.com", PASSWORD)
        aliases.add(tx, "eva@brand-b.com", "eva@third.com")
        aliases.add(tx, "john@third.com", JOHN)
        aliases.add(tx, "old@third.com", JOHN)
        aliases.remove(tx, "old@third.com")
        domains.remove(tx, "third.com", confirmed=True)
    assert names(kept) == ["eva@brand-b.com", INFO]
    with kept.write() as tx:
        domains.add(tx, "third.com", account="rival", verified=True)
        domain_settings.update(tx, "brand-b.com", is_active=False)
        domains.remove(tx, "brand-b.com", confirmed=True)
    assert (names(kept), rows(kept)) == ([], 0)


def test_kept_names_do_not_stand_in_the_way_of_a_domain_and_do_not_count(kept: Database) -> None:
    with kept.write() as tx:
        assert accounts.get(tx, "acme").usage.aliases == 0
        assert aliases.usage(tx, JOHN).used == 0
        domains.remove(tx, "brand-b.com")  # holds no name
    assert names(kept) == []


def test_changing_the_number_of_days(kept: Database) -> None:
    age(kept, 10)
    with kept.write() as tx:
        account_settings.update(tx, "acme", keep_deleted_days=11)
        (one,) = kept_names.list_all(tx)
        assert one.kept_until == one.deleted_at + timedelta(days=11)
        account_settings.update(tx, "acme", keep_deleted_days=90)  # what is kept now is kept longer
    assert names(kept) == [INFO]
    with kept.write() as tx:
        account_settings.update(tx, "acme", keep_deleted_days=10)  # what is over by the new number is free at once
    assert (names(kept), rows(kept), in_outbox(kept, "info")) == ([], 0, "x")
    with kept.write() as tx:
        aliases.add(tx, INFO, JOHN)
        aliases.remove(tx, INFO)
    age(kept, 11)
    with kept.write() as tx:  # over by the old number, and the job has not run: it does not come back
        account_settings.update(tx, "acme", keep_deleted_days=90)
    assert (names(kept), rows(kept)) == ([], 0)


@pytest.mark.parametrize("days", [-1, 3651, 10**12])
def test_impossible_numbers_of_days(kept: Database, days: int) -> None:
    error = refusal(kept, lambda tx: account_settings.update(tx, "acme", keep_deleted_days=days))
    assert (error.code, error.field) == ("invalid-request", "keep_deleted_days")
    assert error.message == "deleted names can be kept for 0 to 3650 days"


def test_the_change_is_audited(kept: Database) -> None:
    with kept.write() as tx:
        account_settings.update(tx, "acme", keep_deleted_days=7)
        (entry, *_) = audit.page(tx, object="acme").items
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["keep_deleted_days"], entry.after["keep_deleted_days"]) == (30, 7)


def test_in_bulk(kept: Database) -> None:
    with kept.write() as tx:
        john, mary = mailboxes.get(tx, JOHN).id, mailboxes.get(tx, MARY).id
        home = domains.get(tx, "brand-b.com").id
        sales = aliases.add(tx, "sales@brand-b.com", JOHN).id

    def create(owner: int, name: str) -> Item:
        return Item("create", owner, {}, domain_id=home, local_part=name)

    def run(items: Sequence[Item], *, atomic: bool = True, dry_run: bool = False) -> list[tuple[str, str | None]]:
        with kept.write() as tx:
            return [(one.status, one.code) for one in bulk_call.apply(tx, items, atomic=atomic, dry_run=dry_run)]

    give = [Item("delete", john, {}, alias_id=sales), create(mary, "sales")]
    assert run([create(mary, "info"), create(john, "info")], atomic=False, dry_run=True) == [
        ("failed", "address-kept"), ("created", None),
    ]  # fmt: skip
    assert names(kept) == [INFO]
    error = refusal(kept, lambda tx: bulk_call.apply(tx, [*give, create(mary, "info")]))
    assert (error.code, error.field) == ("address-kept", "items/2/local_part")
    # One call that takes a name from a mailbox and gives it to another says so itself.
    assert run([*give, create(john, "info")]) == [("deleted", None), ("created", None), ("created", None)]
    assert names(kept) == []
    with kept.write() as tx:
        assert {one.address: one.mailbox for one in aliases.list_all(tx)} == {INFO: JOHN, "sales@brand-b.com": MARY}
        sales = aliases.get(tx, "sales@brand-b.com").id
    assert run([Item("delete", mary, {}, alias_id=sales)]) == [("deleted", None)]
    assert names(kept) == ["sales@brand-b.com"]


def test_random_names_pass_over_kept_ones(kept: Database) -> None:
    drawn = iter(["info", "info", "calm-fox"])
    with kept.write() as tx:
        made = random_aliases.create(tx, MARY, "words", domain="brand-b.com", draw=lambda _: next(drawn))
    assert made.address == "calm-fox@brand-b.com"


def test_another_account_sees_and_frees_nothing(kept: Database) -> None:
    with kept.read() as tx:
        (one,) = kept_names.list_all(tx)
        rival = accounts.get(tx, "rival").id
    theirs = Acting(account_id=rival)
    with kept.read(theirs) as tx:
        assert kept_names.list_all(tx) == []
        assert kept_names.page(tx).total == 0
    for ref in (one.id, INFO):
        with pytest.raises(ServiceError) as caught, kept.write(theirs) as tx:
            kept_names.free(tx, ref)
        assert caught.value.code == "not-found"
    assert names(kept) == [INFO]


RACES: list[tuple[str, Callable[[int], Change], dict[str, int]]] = [
    (
        "its own mailbox, again and again",
        lambda n: lambda tx: aliases.add(tx, INFO, JOHN),
        {"done": 1, "address-taken": 3},
    ),
    (
        "its own and others",
        lambda n: lambda tx: aliases.add(tx, INFO, (JOHN, MARY)[n % 2]),
        {"others": 3},
    ),
    ("freed again and again", lambda n: lambda tx: kept_names.free(tx, INFO), {"done": 1, "not-found": 3}),
]


@pytest.mark.parametrize(("_", "change", "expected"), RACES)
def test_races(kept: Database, _: str, change: Callable[[int], Change], expected: dict[str, int]) -> None:
    found = at_once(kept, [change(n) for n in range(4)])
    if "others" in expected:  # refused as kept before john has it, as taken after it
        assert found["done"] == 1, found
        assert found["address-taken"] + found["address-kept"] == 3, found
    else:
        assert found == expected
    assert rows(kept) == 0


def test_two_that_want_a_name_that_is_over(kept: Database) -> None:
    age(kept, 31)
    owners = (JOHN, MARY)
    changes: list[Change] = [lambda tx, n=n: aliases.add(tx, INFO, owners[n % 2]) for n in range(8)]  # type: ignore[misc]
    assert at_once(kept, changes) == {"done": 1, "address-taken": 7}


def test_deleted_while_another_wants_it(kept: Database) -> None:
    """Whoever comes first: another mailbox never gets the name of an account that keeps names."""
    with kept.write() as tx:
        aliases.add(tx, INFO, JOHN)
    for _ in range(5):
        found = at_once(
            kept, [lambda tx: aliases.remove(tx, INFO), *[lambda tx: aliases.add(tx, INFO, MARY) for _ in range(4)]]
        )
        assert found["done"] == 1
        assert found["address-taken"] + found["address-kept"] == 4
        with kept.write() as tx:
            aliases.add(tx, INFO, JOHN)
