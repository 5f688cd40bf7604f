"""Faults with a cache: Redis, its stand-ins, the relay, the store behind them."""

from collections.abc import Callable

import pytest

from tests.faults.cached_site_faults import CACHED
from tests.faults.clock_faults import CLOCKS
from tests.faults.fault import Fault
from tests.faults.relay_faults import RELAYED
from tests.faults.replica_faults import STAND_INS
from tests.faults.trial import check
from tests.faults.world import World

pytestmark = pytest.mark.timeout(300)
ROWS = (*CACHED, *RELAYED, *STAND_INS, *CLOCKS)


def test_nothing_goes_wrong(
    fault: Fault, seconds: float, cached: World, record_property: Callable[[str, object], None]
) -> None:
    check(fault, cached, seconds=seconds, record=record_property)
