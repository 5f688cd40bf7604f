"""The soak in short: three faults one after the other on one site, and what it calls too much."""

import pytest

from tests.faults.held import Growth
from tests.faults.many_world import ManyWorld
from tests.faults.soak import Soak, processes, soak
from tests.faults.trial import USUAL
from tests.faults.world import World


@pytest.mark.timeout(300)
def test_some_seconds_of_it(no_single_point: World) -> None:
    assert isinstance(no_single_point, ManyWorld)
    rounds = soak(no_single_point, 1000.0, tempo=USUAL, lasts=2.0)
    found = [next(rounds) for _ in range(3)][-1]
    assert [each["name"] for each in found.rows] == ["many-none", "many-failover", "many-relay"]
    assert found.is_clean, found
    assert found.mails > 100
    assert {"inbound-mx1", "lmtp-mx2", "relay-db1", "api-db2"} <= processes(no_single_point).keys()


@pytest.mark.parametrize(
    ("grown", "is_clean"),
    [
        (Growth("relay", 8, 100.0, 0.04, 0), True),
        (Growth("relay", 8, 100.0, 0.06, 0), False),
        (Growth("relay", 8, 20.0, 0.06, 0), True),  # a megabyte: of no weight
        (Growth("relay", 8, 100.0, 0.0, 9), False),
    ],
)
def test_what_is_too_much(grown: Growth, *, is_clean: bool) -> None:
    assert Soak(grown=[grown]).is_clean == is_clean
