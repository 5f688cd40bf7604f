"""Faults with PostgreSQL as the store, behind a cache."""

from collections.abc import Callable

import pytest

from tests.faults.fault import Fault
from tests.faults.postgres_faults import ON_POSTGRESQL
from tests.faults.trial import check
from tests.faults.world import World

pytestmark = pytest.mark.timeout(300)
ROWS = ON_POSTGRESQL


def test_nothing_goes_wrong(
    fault: Fault, seconds: float, on_postgresql: World, record_property: Callable[[str, object], None]
) -> None:
    check(fault, on_postgresql, seconds=seconds, record=record_property)
