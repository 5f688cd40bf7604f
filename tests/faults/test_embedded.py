"""Faults without a cache: SQLite, the milters, the maps, the edge."""

from collections.abc import Callable

import pytest

from tests.faults.fault import Fault
from tests.faults.faults import EMBEDDED
from tests.faults.trial import check
from tests.faults.world import World

pytestmark = pytest.mark.timeout(300)
ROWS = EMBEDDED


def test_nothing_goes_wrong(
    fault: Fault, seconds: float, embedded: World, record_property: Callable[[str, object], None]
) -> None:
    check(fault, embedded, seconds=seconds, record=record_property)
