"""How many passwords are checked at once, who must come again, and who gets in all the same."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from store.errors import ServiceError
from store.unit_of_work.sign_in_limit import KEPT, OF_ONE_NETWORK, PLACES, RUNNING, SignInLimit


class Crowd:
    """People who sign in and are not let go before :meth:`leave`."""

    def __init__(self, limit: SignInLimit) -> None:
        self.limit, self.running, self.most = limit, 0, 0
        self.codes: list[str] = []
        self._end = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def come(self, *clients: str) -> None:
        self._tasks += [asyncio.create_task(self._stay(client)) for client in clients]
        for _ in range(5):
            await asyncio.sleep(0)

    async def leave(self) -> None:
        self._end.set()
        await asyncio.gather(*self._tasks)

    async def _stay(self, client: str) -> None:
        try:
            async with self.limit.admitted(client):
                self.running += 1
                self.most = max(self.most, self.running)
                await self._end.wait()
                self.running -= 1
        except ServiceError as error:
            assert error.retry_after == 1
            self.codes.append(error.code)


def run(script: Callable[[Crowd], Awaitable[None]]) -> Crowd:
    async def told() -> Crowd:
        crowd = Crowd(SignInLimit())
        await script(crowd)
        await crowd.leave()
        return crowd

    with ThreadPoolExecutor(1) as thread:  # a browser's test before this one leaves a loop in the main thread
        return thread.submit(asyncio.run, told()).result()


def everywhere(count: int) -> list[str]:
    return [f"198.51.{number}.7" for number in range(count)]


def test_few_run_and_the_rest_waits() -> None:
    async def script(crowd: Crowd) -> None:
        await crowd.come(*everywhere(40))
        assert crowd.running == RUNNING

    crowd = run(script)
    assert (crowd.most, crowd.codes) == (RUNNING, [])


def test_one_network_takes_its_own_places_only() -> None:
    async def script(crowd: Crowd) -> None:
        await crowd.come(*[f"2001:db8::{number}" for number in range(1, 101)])
        assert crowd.codes == ["rate-limited"] * (100 - OF_ONE_NETWORK)
        await crowd.come("192.0.2.1")

    assert "unavailable" not in run(script).codes


def test_a_flood_from_everywhere_leaves_room_for_who_was_here_before() -> None:
    async def script(crowd: Crowd) -> None:
        crowd.limit.remember("192.0.2.1")
        await crowd.come(*everywhere(200))
        assert crowd.codes == ["unavailable"] * (200 - PLACES + KEPT)
        crowd.codes.clear()
        await crowd.come("203.0.113.1")
        assert crowd.codes == ["unavailable"]
        crowd.codes.clear()
        await crowd.come("192.0.2.1")

    assert run(script).codes == []


def test_behind_a_silent_proxy_all_are_this_machine() -> None:
    async def script(crowd: Crowd) -> None:
        await crowd.come(*["127.0.0.1"] * (PLACES - KEPT))

    assert run(script).codes == []


@pytest.mark.parametrize("times", [1, 3])
def test_places_are_given_back(times: int) -> None:
    async def script(crowd: Crowd) -> None:
        for _ in range(times):
            other = Crowd(crowd.limit)
            await other.come(*everywhere(PLACES - KEPT))
            assert other.codes == []
            await other.leave()

    run(script)
