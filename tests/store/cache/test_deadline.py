"""Deadlines and the breaker: nobody waits longer than the deadline, whatever the backend does, and nothing piles up."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from store.cache.breaker import Breaker
from store.cache.deadline import DeadlineRunner, Unanswered, Workers
from tests.store.timing import within


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Hanging:
    """A question that has no answer until it is released."""

    def __init__(self) -> None:
        self._released = threading.Event()
        self._guard = threading.Lock()
        self.asked = 0

    def __call__(self) -> str:
        with self._guard:
            self.asked += 1
        self._released.wait(30)
        return "late"

    def release(self) -> None:
        self._released.set()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    question = Hanging()
    yield question
    question.release()


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def at_once(times: int, call: Callable[[], object]) -> float:
    """Run ``call`` in that many threads and return how long the slowest took."""
    took = []

    def timed() -> None:
        started = time.monotonic()
        call()
        took.append(time.monotonic() - started)

    all_threads = [threading.Thread(target=timed) for _ in range(times)]
    for thread in all_threads:
        thread.start()
    for thread in all_threads:
        thread.join()
    assert len(took) == times
    return max(took)


def test_the_breaker_lets_one_a_second_through_after_a_failure() -> None:
    clock = Clock()
    breaker = Breaker(1.0, clock)
    assert [breaker.admits() for _ in range(3)] == [True, True, True]
    breaker.failed()
    assert breaker.is_open
    admitted = []
    for _ in range(40):  # five seconds
        clock.now += 0.125
        admitted += [clock.now for _ in range(10) if breaker.admits()]
    assert len(admitted) == 5
    assert all(later - earlier >= 1 for earlier, later in pairwise(admitted))
    breaker.succeeded()
    assert [breaker.admits() for _ in range(3)] == [True, True, True]
    assert not breaker.is_open


def test_a_late_failure_of_a_probe_counts_from_its_end() -> None:
    clock = Clock()
    breaker = Breaker(1.0, clock)
    breaker.failed()
    clock.now += 1
    assert breaker.admits()
    clock.now += 0.9
    breaker.failed()
    clock.now += 0.9
    assert not breaker.admits()
    clock.now += 0.2
    assert breaker.admits()


def test_answers_and_errors_come_back() -> None:
    workers = Workers("answering", 2)
    assert workers.ask(lambda: 42, 1) == 42
    with pytest.raises(ZeroDivisionError):
        workers.ask(lambda: 1 // 0, 1)
    assert workers.ask(lambda: "still there", 1) == "still there"
    assert threads("answering") <= 2
    workers.close()
    with pytest.raises(Unanswered, match="no-worker"):
        workers.ask(lambda: 42, 1)


def test_many_askers_few_workers() -> None:
    workers = Workers("few", 3)
    answers: list[int] = []

    def ask() -> None:
        for number in range(50):
            assert workers.ask(lambda number=number: number, 10) == number  # type: ignore[misc]
            answers.append(number)

    at_once(32, ask)
    assert len(answers) == 32 * 50
    assert threads("few") == 3
    workers.close()


def test_a_stuck_worker_blocks_nobody_else(hanging: Hanging) -> None:
    workers = Workers("one-stuck", 2)
    with within(0.5), pytest.raises(Unanswered, match="timeout"):
        workers.ask(hanging, 0.1)
    for _ in range(100):
        assert workers.ask(lambda: "well", 1) == "well"
    assert threads("one-stuck") == 2


def test_all_stuck(hanging: Hanging) -> None:
    """Nobody waits longer, no thread is added, nothing stays in the queue, and all is well when they come back."""
    workers = Workers("all-stuck", 2)
    for reason in ("timeout", "timeout", "no-worker", "no-worker"):
        with within(0.5), pytest.raises(Unanswered, match=reason):
            workers.ask(hanging, 0.05)
    assert (threads("all-stuck"), hanging.asked) == (2, 2)
    hanging.release()
    assert workers.ask(lambda: "well", 5) == "well"
    assert hanging.asked == 2  # what was given up is not done later


def test_64_askers_of_a_backend_that_hangs(hanging: Hanging) -> None:
    punctual = DeadlineRunner("hung", 0.2, 4)

    def ask() -> None:
        with pytest.raises(Unanswered):
            punctual.ask(hanging)

    assert at_once(64, ask) < 1.0
    assert threads("hung") == 4
    started = time.monotonic()
    while time.monotonic() - started < 2.5:  # now the breaker is open: a probe a second
        with within(0.5):
            ask()
        time.sleep(0.005)
    assert hanging.asked <= 4  # every worker is stuck, and the queue is empty
    hanging.release()
    time.sleep(1.1)
    assert punctual.ask(lambda: "well") == "well"
    with within(0.5):
        assert [punctual.ask(lambda: "well") for _ in range(10)] == ["well"] * 10


def test_quick_failures_do_not_open_the_breaker() -> None:
    punctual = DeadlineRunner("quick", 1, 2)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            punctual.ask(lambda: 1 // 0)
    assert not punctual.breaker.is_open
    punctual.close()


def fail() -> str:
    raise ZeroDivisionError


def closed_after(seconds: float) -> None:
    """Be a way that turns out to be closed."""
    time.sleep(seconds)


def test_the_quicker_way_is_tried_first() -> None:
    punctual = DeadlineRunner("quicker", 0.2, 1)
    assert punctual.ask(lambda: "by a worker", lambda: "at once") == "at once"
    assert punctual.ask(lambda: "by a worker", lambda: None) == "by a worker"
    with pytest.raises(ZeroDivisionError):
        punctual.ask(lambda: "by a worker", fail)
    assert not punctual.breaker.is_open
    punctual.close()


def test_both_ways_share_one_patience_and_one_breaker(hanging: Hanging) -> None:
    punctual = DeadlineRunner("sharing", 0.2, 1)
    with within(0.34), pytest.raises(Unanswered, match="timeout"):
        punctual.ask(hanging, lambda: closed_after(0.15))
    with pytest.raises(Unanswered, match="breaker"):
        punctual.ask(hanging, lambda: "at once")
    hanging.release()
    punctual.close()
