"""A short run of the fuzzer with a fixed seed, and what it found before; ``make fuzz`` runs it for longer."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.from_cases import CASES
from tests.unit.from_corpus import HOLES
from tests.unit.from_fuzzer import OWNED, hole_in_message, hole_in_value, search, smallest
from tests.unit.from_readers import foreign_in_message, foreign_in_value

FRAGMENTS = st.sampled_from(
    ['"', "(", ")", "<", ">", "@", "\\", ",", " ", "\r\n ", "=?utf-8?q?", "=40", "?=", "＠", "\u200b"]
)
WORDS = st.sampled_from(["john@brand-a.test", "ceo@bank.test", "ceo", "bank.test", "John"])


@pytest.mark.parametrize("value", HOLES)
def test_holes_of_the_past_stay_closed(value: bytes) -> None:
    assert foreign_in_value(value, OWNED), "the readers do not see the hole any more"
    assert hole_in_value(value) is None
    assert hole_in_message(b"From:" + value) is None


def test_no_case_of_the_table_is_a_hole() -> None:
    assert [hole for case in CASES if (hole := hole_in_value(case.value))] == []


def test_three_seconds_of_the_fuzzer() -> None:
    found = search(random.Random(20261123), 3)
    assert found.hole is None
    assert found.tried > 500
    assert found.allowed > found.tried // 20  # it would find nothing in what is refused anyway


@settings(deadline=None)  # a machine with other work is no hole
@given(st.lists(FRAGMENTS | WORDS | st.text(max_size=3), max_size=12).map("".join))
@example("")
def test_no_display_text_around_an_own_address_is_a_hole(text: str) -> None:
    for form in (" {} <john@brand-a.test>", ' "{}" <john@brand-a.test>', " john@brand-a.test ({})"):
        assert hole_in_value(form.format(text).encode("utf-8", "replace")) is None


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["From", "Sender", "Subject", ":", " ", "\r\n", "\r", "\n", "\x0b"]) | WORDS, max_size=12)
)
def test_no_header_around_an_own_from_is_a_hole(parts: list[str]) -> None:
    assert hole_in_message(f"Subject: {''.join(parts)}\r\nFrom: john@brand-a.test\r\n\r\n".encode()) is None


SEEN = [
    (b" ceo@bank.test", {"ceo@bank.test"}),
    (b" john@brand-a.test (ceo@bank.test)", {"ceo@bank.test"}),
    (b" =?utf-8?q?ceo=40bank.test?= <john@brand-a.test>", {"ceo@bank.test"}),
    (b" john@brand-a.test, eve@other.test", {"eve@other.test"}),
    (b' "John Doe" <john+x@brand-a.test>', set()),
]


@pytest.mark.parametrize(("value", "foreign"), SEEN)
def test_the_readers_see(value: bytes, foreign: set[str]) -> None:
    assert foreign_in_value(value, OWNED) == foreign


@pytest.mark.parametrize("gap", [b"\r", b"\r\n", b"\n", b"\x0b", b"\x1c", b"\x85", b"\xc3\x85"])
def test_the_readers_see_fields_behind_what_they_take_for_a_line_break(gap: bytes) -> None:
    raw = b"Subject: x" + gap + b"From: ceo@bank.test\r\nFrom: john@brand-a.test\r\n\r\n"
    assert foreign_in_message(raw, OWNED) == {"ceo@bank.test"}


def test_a_hole_is_shown_at_its_smallest() -> None:
    assert smallest(b"xxxaxxxbxxx", lambda case: (b"a" in case and b"b" in case) or None) == b"ab"  # type: ignore[arg-type,return-value]
