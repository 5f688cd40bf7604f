"""Faults without a cache: SQLite, the milters, the maps, the edge."""

from collections.abc import Callable

import pytest

from tests.faults import page
from tests.faults.faults import EMBEDDED, GRACE, RIGHT, Fault
from tests.faults.trial import run
from tests.faults.world import World

pytestmark = pytest.mark.timeout(300)
ROWS = EMBEDDED


def test_nothing_goes_wrong(
    fault: Fault, seconds: float, embedded: World, record_property: Callable[[str, object], None]
) -> None:
    figures = run(fault, embedded, seconds=seconds)
    record_property("fault", page.row(fault, figures))
    assert figures.summary.wrong == {}, figures.summary.examples
    assert figures.recovery <= fault.recovers
    assert figures.put_off == 0 or fault.sees != RIGHT
    assert figures.known_put_off == 0 or fault.sees != GRACE
