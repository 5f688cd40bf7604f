"""What the audit log tells of many views at once is what it tells of each."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from store.services.told import told, told_texts
from store.services.views import Alias, FreeName, Senders
from store.sql.columns import filled, is_same, json_texts

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SALES = Alias(
    id=7, address="sales@brand-a.com", local_part="sales", domain_id=1, domain="brand-a.com", mailbox_id=3,
    can_receive=True, can_send=False, is_active=True, note=None, created_at=NOON, updated_at=NOON,
    mailbox="john@brand-a.com",
)  # fmt: skip
OTHERS = (
    replace(
        SALES, id=8, note='100 % "wört"\\n', senders=Senders("listed", ("shop.example",), require_authenticated=True)
    ),
    replace(SALES, id=9, can_send=True, expires_at=NOON, expires_after=1, mails_30d=5),
)


@pytest.mark.parametrize(
    "views",
    [
        [SALES],
        [SALES, SALES],
        [SALES, *OTHERS],
        [None, SALES, None, *OTHERS],
        [None, None],
        [SALES, FreeName("info@brand-a.com", was_its_own=True)],
    ],
)
def test_many_at_once_as_each_by_itself(views: list[Any]) -> None:
    assert told_texts(views) == [None if view is None else json.dumps(told(view)) for view in views]


def test_what_is_no_part_of_a_change_is_not_told() -> None:
    assert told(SALES) == told(replace(SALES, mails_30d=9))


def test_equal_is_not_the_same() -> None:
    assert not is_same([1, True])
    assert filled([("", [1, True], lambda column: json_texts(column, str))], "%") == ["1%", "true%"]
