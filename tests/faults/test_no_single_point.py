"""Faults of a site with two of everything: PostgreSQL, Redis with sentinels, relays, APIs behind nginx, MTAs."""

from collections.abc import Callable

import pytest

from tests.faults.fault import Fault
from tests.faults.many_faults import WITHOUT_SINGLE_POINT
from tests.faults.trial import check
from tests.faults.world import World

pytestmark = pytest.mark.timeout(900)
ROWS = WITHOUT_SINGLE_POINT


def test_nothing_goes_wrong(
    fault: Fault, seconds: float, no_single_point: World, record_property: Callable[[str, object], None]
) -> None:
    check(fault, no_single_point, seconds=seconds, record=record_property)
