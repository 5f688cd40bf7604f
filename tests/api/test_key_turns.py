"""Requests with one key take turns; others do not wait for them."""

import threading

import pytest

from admin_api.key_turns import KeyTurns
from store.errors import ServiceError


def test_a_repeat_gives_up_in_time_and_gets_its_turn_afterwards() -> None:
    turns = KeyTurns(patience=0.02)
    with turns.turn(1, "key"), pytest.raises(ServiceError) as refused, turns.turn(1, "key"):
        raise AssertionError("two at work on one key")
    assert refused.value.code == "request-in-progress"
    with turns.turn(1, "key"):
        pass


@pytest.mark.parametrize(("token_id", "key"), [(1, "other"), (2, "key"), (1, None)])
def test_others_do_not_wait(token_id: int, key: str | None) -> None:
    turns = KeyTurns(patience=0)
    with turns.turn(1, "key"), turns.turn(token_id, key):
        pass


def test_without_a_key_nobody_waits() -> None:
    turns = KeyTurns(patience=0)
    with turns.turn(1, None), turns.turn(1, None):
        pass


def test_a_turn_ends_with_whatever_goes_wrong_in_it() -> None:
    turns = KeyTurns(patience=0)
    with pytest.raises(ZeroDivisionError), turns.turn(1, "key"):
        raise ZeroDivisionError
    with turns.turn(1, "key"):
        pass


def test_one_after_the_other() -> None:
    turns, order = KeyTurns(), list[str]()
    begun = threading.Event()

    def repeat() -> None:
        begun.set()
        with turns.turn(1, "key"):
            order.append("repeat")

    with turns.turn(1, "key"):
        thread = threading.Thread(target=repeat)
        thread.start()
        begun.wait(5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "repeat"]
