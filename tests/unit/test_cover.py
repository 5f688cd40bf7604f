"""Long work goes on under cover: it is said so again and again, and a cover that was lost is told at the end."""

import threading

import pytest

from store.relay.cover import under_cover


def test_it_is_said_while_the_work_lasts() -> None:
    said = threading.Semaphore(0)

    def work() -> None:
        assert all(said.acquire(timeout=10) for _ in range(3))

    under_cover(work, said.release, every=0.001)


def test_what_the_work_raises() -> None:
    def fail() -> None:
        raise ValueError("work")

    with pytest.raises(ValueError, match="work"):
        under_cover(fail, lambda: None, every=0.001)


def test_a_lost_cover_is_told_once_the_work_is_done() -> None:
    lost, done = threading.Event(), []

    def go_on() -> None:
        lost.set()
        raise KeyError("lost")

    def work() -> None:
        assert lost.wait(10)
        done.append(True)

    with pytest.raises(KeyError, match="lost"):
        under_cover(work, go_on, every=0.001)
    assert done
