"""Where daemons' threads run: on one processor, those that they start as well, and nobody else."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest

from conf.placement import on_one_processor, processor_of

Place = tuple[set[int], int]


def here() -> Place:
    return os.sched_getaffinity(0), os.sched_getscheduler(0)


def place_of(role: str) -> tuple[Place, Place]:
    """Return where a thread of the role runs, and one that it starts."""
    found: list[Place] = []

    def run() -> None:
        on_one_processor(role)
        found.append(here())
        child = Thread(target=lambda: found.append(here()))
        child.start()
        child.join()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()
    return found[0], found[1]


@pytest.mark.parametrize("role", ["inbound", "maps", "submission", "lmtp", "local"])
def test_a_role_and_its_threads_stay_on_one_processor(role: str) -> None:
    before = here()
    (processors, policy), of_child = place_of(role)
    assert len(processors) == 1
    assert processors <= before[0]
    assert policy == os.SCHED_BATCH
    assert of_child == (processors, policy)
    assert here() == before


@pytest.mark.parametrize(
    ("allowed", "inbound", "maps", "submission"),
    [({0}, 0, 0, 0), ({0, 1}, 1, 1, 1), ({0, 1, 2}, 2, 2, 2), ({0, 1, 2, 3}, 3, 2, 3), ({2, 4, 6, 8, 9, 11}, 11, 9, 8)],
)
def test_half_of_the_processors_are_the_mtas(allowed: set[int], inbound: int, maps: int, submission: int) -> None:
    assert [processor_of(role, allowed) for role in ("inbound", "maps", "submission")] == [inbound, maps, submission]
