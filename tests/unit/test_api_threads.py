"""Calls in threads, from an event loop."""

import asyncio
import threading

import pytest

from admin_api.http.threads import MOST, in_loop, in_thread, threaded


def test_it_returns_and_raises_what_the_function_does() -> None:
    async def ask() -> None:
        assert await in_thread(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await in_thread(divmod, 1, 0)
        assert await in_thread(threading.get_ident) != threading.get_ident()

    asyncio.run(ask())


def test_as_many_at_once_as_there_are_threads() -> None:
    """Each waits for all the others; more than that wait their turn."""
    together = threading.Barrier(MOST)

    async def ask() -> list[int]:
        return await asyncio.gather(*(in_thread(together.wait, 30) for _ in range(2 * MOST)))

    assert sorted(asyncio.run(ask())) == sorted([*range(MOST)] * 2)


def test_a_call_that_nobody_waits_for_any_more() -> None:
    """It ends in peace, and its thread takes the next one."""
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go_on.wait(30)

    async def ask() -> int:
        task = asyncio.create_task(in_thread(wait))
        await in_thread(begun.wait, 30)
        task.cancel()
        go_on.set()
        return await in_thread(abs, -1)

    assert asyncio.run(ask()) == 1


def test_a_thread_calls_back_into_its_loop() -> None:
    async def ask() -> None:
        assert await in_thread(in_loop, threading.get_ident) == threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await in_thread(in_loop, divmod, 1, 0)

    asyncio.run(ask())


def test_a_coroutine_function_stays_in_the_loop() -> None:
    async def own() -> int:
        return threading.get_ident()

    assert threaded(own) is own
    assert asyncio.run(threaded(threading.get_ident)()) != threading.get_ident()
