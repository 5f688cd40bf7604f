"""Moments as text: as Python's own calendar has them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.moments import moment_text


@given(st.integers(0, 253_402_300_799))
def test_as_the_calendar(seconds: int) -> None:
    assert moment_text(seconds) == f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01 00:00:00 UTC"),
        (951_782_400, "2000-02-29 00:00:00 UTC"),
        (4_107_542_399, "2100-02-28 23:59:59 UTC"),
        (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        (253_402_300_800, "10000-01-01 00:00:00 UTC"),  # no date of Python's any more
    ],
)
def test_odd_days(seconds: int, text: str) -> None:
    assert moment_text(seconds) == text
