"""Faults with a cache: Redis, the relay, the store behind them."""

from collections.abc import Callable

import pytest

from tests.faults import page
from tests.faults.cache_faults import CACHED
from tests.faults.faults import GRACE, RIGHT, Fault
from tests.faults.trial import run
from tests.faults.world import World

pytestmark = pytest.mark.timeout(300)
ROWS = CACHED


def test_nothing_goes_wrong(
    fault: Fault, seconds: float, cached: World, record_property: Callable[[str, object], None]
) -> None:
    figures = run(fault, cached, seconds=seconds)
    record_property("fault", page.row(fault, figures))
    assert figures.summary.wrong == {}, figures.summary.examples
    assert figures.recovery <= fault.recovers
    assert figures.put_off == 0 or fault.sees != RIGHT
    assert figures.known_put_off == 0 or fault.sees != GRACE
