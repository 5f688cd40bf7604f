"""A disk without room under the store and under Redis."""

from collections.abc import Callable

import pytest

from tests.faults.disk_faults import ON_A_SMALL_DISK
from tests.faults.fault import Fault
from tests.faults.trial import check
from tests.faults.world import World

pytestmark = pytest.mark.timeout(300)
ROWS = ON_A_SMALL_DISK


def test_nothing_goes_wrong(
    fault: Fault, seconds: float, on_a_small_disk: World, record_property: Callable[[str, object], None]
) -> None:
    check(fault, on_a_small_disk, seconds=seconds, record=record_property)
