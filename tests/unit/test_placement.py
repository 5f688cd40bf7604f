"""Where daemons' threads run: on one processor, those that they start as well, and nobody else."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest

from conf.placement import on_one_processor

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


def test_two_roles_share_none_while_there_are_enough() -> None:
    places = [place_of(role)[0][0] for role in ("inbound", "maps")]
    assert (places[0] != places[1]) is (len(os.sched_getaffinity(0)) > 1)
