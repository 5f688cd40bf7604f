"""The keyed hand-over: what holds, what does not, and that each key is taken once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byname_milter.handovers import Handovers
from routing.handover import Claim, handover_value, holds_from, judge_handover

KEY, NOW = b"k" * 32, 1_000_000
CLAIM = Claim("john@brand-a.test", "sales@brand-b.test", "<1@brand-b.test>")


def judged(value: str, claim: Claim = CLAIM, *, now: float = NOW, since: float = 0, key: bytes = KEY) -> str:
    return judge_handover(key, claim, value, now, since)[0]


@pytest.mark.parametrize(
    ("age", "since", "slug"),
    [
        (0, 0, ""),
        (3599, 0, ""),
        (3600, 0, "handover-aged"),
        (-60, 0, ""),
        (-61, 0, "handover-aged"),
        (5, NOW - 6, ""),
        (5, NOW - 5, "handover-aged"),  # the process began in that second: whether it was used before, nobody knows
        (5, NOW - 4.5, "handover-aged"),
    ],
)
def test_its_age(age: int, since: float, slug: str) -> None:
    assert judged(handover_value(KEY, CLAIM, NOW - age), since=since) == slug


@given(st.floats(0, 4e9), st.floats(0, 3000))
def test_each_key_holds_that_is_made_once_the_process_serves(since: float, later: float) -> None:
    begins = holds_from(since)
    assert since < begins <= since + 1
    made = int(begins + later)
    assert judged(handover_value(KEY, CLAIM, made), now=made, since=since) == ""
    assert judged(handover_value(KEY, CLAIM, begins - 1), now=begins, since=since) == "handover-aged"


@pytest.mark.parametrize("part", ["login", "sender", "message_id"])
def test_it_holds_for_one_claim(part: str) -> None:
    value = handover_value(KEY, CLAIM, NOW)
    assert judged(value, replace(CLAIM, **{part: "other"})) == "handover-forged"
    assert judged(value, key=b"x" * 32) == "handover-forged"


@given(st.text())
def test_what_is_none(text: str) -> None:
    assert judged(text) == "handover-forged"


@given(st.tuples(*[st.text(max_size=8)] * 3), st.tuples(*[st.text(max_size=8)] * 3))
def test_no_two_claims_read_alike(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    values = [handover_value(KEY, Claim(*parts), NOW) for parts in (one, other)]
    assert (values[0] == values[1]) == (one == other)


def test_each_is_taken_once() -> None:
    known = Handovers(KEY)
    assert [known.take("a", "Q1"), known.take("a", "Q2"), known.take("b", None), known.take("b", "Q")] == [
        None, "Q1", None, "?",
    ]  # fmt: skip
    known.give_back("a")
    assert known.take("a", "Q3") is None
    assert "k" * 32 not in repr(known)
