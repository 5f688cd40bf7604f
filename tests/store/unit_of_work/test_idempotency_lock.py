"""The lock of an idempotency key: repeats wait for the first request, others do not."""

import threading

import pytest

from store.errors import ServiceError
from store.unit_of_work.idempotency_lock import IdempotencyLock


def test_a_repeat_gives_up_in_time_and_is_admitted_afterwards() -> None:
    lock = IdempotencyLock(patience=0.02)
    with lock.held((1, "key")), pytest.raises(ServiceError) as refused, lock.held((1, "key")):
        raise AssertionError("two at work on one key")
    assert refused.value.code == "request-in-progress"
    with lock.held((1, "key")):
        pass


@pytest.mark.parametrize(("token_id", "key"), [(1, "other"), (2, "key"), (1, None)])
def test_others_do_not_wait(token_id: int, key: str | None) -> None:
    lock = IdempotencyLock(patience=0)
    with lock.held((1, "key")), lock.held((token_id, key) if key else None):
        pass


def test_without_a_key_nobody_waits() -> None:
    lock = IdempotencyLock(patience=0)
    with lock.held(None), lock.held(None):
        pass


def test_a_key_is_released_whatever_goes_wrong() -> None:
    lock = IdempotencyLock(patience=0)
    with pytest.raises(ZeroDivisionError), lock.held((1, "key")):
        raise ZeroDivisionError
    with lock.held((1, "key")):
        pass


def test_one_after_the_other() -> None:
    lock, order = IdempotencyLock(), list[str]()
    begun = threading.Event()

    def repeat() -> None:
        begun.set()
        with lock.held((1, "key")):
            order.append("repeat")

    with lock.held((1, "key")):
        thread = threading.Thread(target=repeat)
        thread.start()
        begun.wait(5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "repeat"]
