"""Faults of a Redis Cluster under two machines for mail."""

from collections.abc import Callable

import pytest

from tests.faults.cluster_faults import ON_A_CLUSTER
from tests.faults.fault import Fault
from tests.faults.trial import check
from tests.faults.world import World

pytestmark = pytest.mark.timeout(300)
ROWS = ON_A_CLUSTER


def test_nothing_goes_wrong(
    fault: Fault, seconds: float, on_a_cluster: World, record_property: Callable[[str, object], None]
) -> None:
    check(fault, on_a_cluster, seconds=seconds, record=record_property)
