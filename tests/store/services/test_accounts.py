"""Accounts: creation, plans, payment, suspension, usage."""

import pytest

from store.services import accounts, aliases, domains
from store.services.views import AccountUsage, Limits
from store.sql.database import Database
from tests.store.refusals import refused


@pytest.mark.parametrize("name", ["a", "x" * 100, "Ärzte & Söhne", "a b"])
def test_create(database: Database, name: str) -> None:
    with database.write() as tx:
        made = accounts.create(tx, name, "starter")
    assert (made.name, made.plan, made.is_trial, made.is_active, made.first_payment_at) == (
        name, "starter", False, True, None,
    )  # fmt: skip
    assert made.usage == AccountUsage(0, 0, 0)
    with database.read() as tx:
        assert accounts.list_all(tx) == [made]


@pytest.mark.parametrize(
    ("name", "plan", "field"),
    [
        ("", "pro", "name"),
        ("x" * 101, "pro", "name"),
        (" a", "pro", "name"),
        ("a ", "pro", "name"),
        ("   ", "pro", "name"),
        ("a\nb", "pro", "name"),
        ("a\x00", "pro", "name"),
        ("\udce9", "pro", "name"),
        ("a\u202eb", "pro", "name"),
        ("a", "gold", "plan"),
        ("a", "", "plan"),
        ("a", "Pro", "plan"),
    ],
)
def test_bad_values(database: Database, name: str, plan: str, field: str) -> None:
    with refused(database, "invalid-request") as caught, database.write() as tx:
        accounts.create(tx, name, plan)
    assert caught.value.field == field


def test_names_are_unique(world: Database) -> None:
    with refused(world, "conflict") as caught, world.write() as tx:
        accounts.create(tx, "acme", "pro")
    assert caught.value.field == "name"


def test_a_refusal_inside_a_transaction_does_not_spoil_it(world: Database) -> None:
    with world.write() as tx:
        with pytest.raises(Exception, match="already"):
            accounts.create(tx, "acme", "pro")
        accounts.create(tx, "newcomer", "pro")
    with world.read() as tx:
        assert [account.name for account in accounts.list_all(tx)] == ["acme", "newcomer", "rival"]


@pytest.mark.parametrize(
    ("plan", "is_trial", "limit"),
    [
        ("nano", False, 0), ("starter", False, 30), ("pro", False, 50), ("agency", False, 100),
        ("nano", True, 0), ("starter", True, 5), ("pro", True, 5), ("agency", True, 5),
    ],
)  # fmt: skip
def test_limits(database: Database, plan: str, is_trial: bool, limit: int) -> None:
    with database.write() as tx:
        assert accounts.create(tx, "acme", plan, is_trial=is_trial).limits == Limits(limit)


def test_the_first_payment_lifts_the_trial_and_keeps_its_time(database: Database) -> None:
    with database.write() as tx:
        accounts.create(tx, "acme", "pro", is_trial=True)
        first = accounts.update(tx, "acme", paid=True)
        again = accounts.update(tx, "acme", paid=True, plan="agency")
    assert first.limits == Limits(50)
    assert first.first_payment_at is not None
    assert first.first_payment_at.utcoffset() is not None
    assert (again.first_payment_at, again.limits) == (first.first_payment_at, Limits(100))


def test_suspend_and_resume(world: Database) -> None:
    for wanted in (False, True):
        with world.write() as tx:
            assert accounts.update(tx, "acme", is_active=wanted).is_active is wanted


@pytest.mark.parametrize("name", ["nobody", "ACME", "acme "])
def test_unknown_account(world: Database, name: str) -> None:
    with refused(world, "not-found"), world.write() as tx:
        accounts.update(tx, name, paid=True)
    with refused(world, "not-found"), world.read() as tx:
        domains.list_all(tx, account=name)
    with refused(world, "not-found"), world.write() as tx:
        domains.add(tx, "new.example", account=name)


def test_unknown_plan(world: Database) -> None:
    with refused(world, "invalid-request"), world.write() as tx:
        accounts.update(tx, "acme", plan="gold", is_active=False)
    with world.read() as tx:
        assert accounts.list_all(tx)[0].is_active


def test_usage_counts_what_the_account_has(world: Database) -> None:
    with world.write() as tx:
        aliases.add(tx, "sales@brand-b.com", "john@brand-a.com")
        aliases.add(tx, "info@brand-b.com", "john@brand-a.com")
        domains.add(tx, "pending.example", account="acme")
    with world.read() as tx:
        assert [account.usage for account in accounts.list_all(tx)] == [AccountUsage(3, 1, 2), AccountUsage(1, 1, 0)]
