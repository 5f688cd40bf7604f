"""Changes in any order, twice and late: what a newer one said stays."""

import itertools

import pytest

from store.relay.source import Change
from store.services import aliases, domains
from store.sql.database import Database
from store.wire_format import layout
from tests.store.relay.relaying import (
    JOHN,
    SALES,
    Relaying,
    add_sales,
    known,
    seen,
)

VALUES = ["2 a7 1x", "3 a3 1x", "5 x", "9 a1 1x"]


@pytest.mark.parametrize("order", list(itertools.permutations(VALUES)), ids=" ".join)
def test_changes_of_one_name_in_any_order(world: Database, relaying: Relaying, order: tuple[str, ...]) -> None:
    """Each once, then all again: the newest stays."""
    relaying.server.admin.hset(layout.domain_key("brand-b.com"), layout.WHOLE, "1 h")
    for value in [*order, *order]:
        outcome = relaying.apply([Change(0, "n", "brand-b.com", "sales", value)]).outcomes
        before = seen(relaying.server, "brand-b.com", "sales")
        assert before is not None
        assert outcome == ["applied" if before == value else "older"]
    assert seen(relaying.server, "brand-b.com", "sales") == VALUES[-1]


@pytest.mark.parametrize(
    ("present", "change", "outcome", "after"),
    [
        (None, "5 m1", "older", None),  # not later than the whole hash, which had no such name
        (None, "6 m1", "older", None),
        (None, "7 m1", "applied", "7 m1"),
        (None, "7 x", "applied", "7 x"),
        ("7 x", "6 m1", "older", "7 x"),
        ("7 x", "8 m1", "applied", "8 m1"),
        ("z m1", "10 x", "applied", "10 x"),  # base 36
        ("10 m1", "z x", "older", "10 m1"),
        ("7 m1", "7 m1", "applied", "7 m1"),
        ("garbage", "7 m1", "applied", "7 m1"),
        ("", "7 m1", "applied", "7 m1"),
    ],
)
def test_the_comparison(
    world: Database, relaying: Relaying, present: str | None, change: str, outcome: str, after: str | None
) -> None:
    admin, key = relaying.server.admin, layout.domain_key("brand-b.com")
    admin.hset(key, layout.WHOLE, "6 h")
    if present is not None:
        admin.hset(key, "name", present)
    assert relaying.apply([Change(0, "n", "brand-b.com", "name", change)]).outcomes == [outcome]
    assert seen(relaying.server, "brand-b.com", "name") == after


@pytest.mark.parametrize(
    ("listed", "change", "outcome", "is_there"),
    [
        ("5 h", "5 x", "applied", False),
        ("5 h", "4 x", "older", True),
        ("5 h", "6 x", "applied", False),
        ("5 h", "6 h", "applied", True),
        (None, "4 h", "older", True),
        (None, "8 h", "load", False),  # a hash that no list tells of is from before
    ],
)
def test_the_comparison_in_the_list(
    world: Database, relaying: Relaying, listed: str | None, change: str, outcome: str, is_there: bool
) -> None:
    admin = relaying.server.admin
    admin.hset(layout.HOSTED_KEY, layout.WHOLE, "4 h")
    admin.hdel(layout.HOSTED_KEY, "brand-b.com")
    if listed:
        admin.hset(layout.HOSTED_KEY, "brand-b.com", listed)
    assert relaying.apply([Change(0, "n", "brand-b.com", "", change)]).outcomes == [outcome]
    assert bool(admin.exists(layout.domain_key("brand-b.com"))) is is_there


def test_a_slow_relay_brings_nothing_back(world: Database, relaying: Relaying) -> None:
    """It has read a row before the name went away, and applies it after the tombstone was forgotten."""
    relaying.change(add_sales)
    slow = relaying.source.pending(10, 0).changes
    relaying.settle()
    relaying.change(lambda tx: aliases.remove(tx, str(SALES)))
    relaying.settle()
    assert seen(relaying.server, "brand-b.com", "sales") is not None
    relaying.audit()
    assert seen(relaying.server, "brand-b.com", "sales") is None
    assert relaying.apply(slow).outcomes == ["older"]
    assert seen(relaying.server, "brand-b.com", "sales") is None


def test_the_same_for_a_whole_domain(world: Database, relaying: Relaying) -> None:
    relaying.change(lambda tx: domains.add(tx, "new.org", account="acme", verified=True))
    relaying.change(lambda tx: aliases.add(tx, "sales@new.org", str(JOHN)))
    slow = relaying.source.pending(10, 0).changes
    relaying.settle()
    relaying.change(lambda tx: domains.remove(tx, "new.org", confirmed=True))
    relaying.settle()
    relaying.audit()
    assert relaying.server.admin.hget(layout.HOSTED_KEY, "new.org") is None
    assert set(relaying.apply(slow).outcomes) == {"older"}
    assert relaying.differences() == []


def test_a_domain_that_goes_and_comes_back(world: Database, relaying: Relaying) -> None:
    relaying.change(
        lambda tx: domains.remove(tx, "brand-b.com", confirmed=True),
        lambda tx: domains.add(tx, "brand-b.com", account="acme", verified=True),
        add_sales,
    )
    relaying.settle()
    assert relaying.differences() == []
    assert known(relaying.server, SALES) is not None
