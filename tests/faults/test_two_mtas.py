"""Faults of two machines for mail, each with a replica of Redis of its own."""

from collections.abc import Callable

import pytest

from tests.faults.fault import Fault
from tests.faults.many_faults import ON_TWO_MTAS
from tests.faults.trial import check
from tests.faults.world import World

pytestmark = pytest.mark.timeout(300)
ROWS = ON_TWO_MTAS


def test_nothing_goes_wrong(
    fault: Fault, seconds: float, two_mtas: World, record_property: Callable[[str, object], None]
) -> None:
    check(fault, two_mtas, seconds=seconds, record=record_property)
