"""Turns: so many requests of a kind at a time; the others wait in the event loop, where waiting costs nothing.

For requests that all write to SQLite. One of them writes at a time whatever they do, and threads that wait for their
turn there hand the interpreter to and fro at each statement: four programs that send cost a fifth more CPU time for
each message, and get a quarter fewer through (measured, docs/messages.md).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from admin_api.http.problems import Refusal

PATIENCE = 5.0  # seconds; as long as a writer waits for SQLite


class Turns:
    """Lets ``at_once`` blocks run, and the others wait in the order in which they came. For one event loop."""

    def __init__(self, at_once: int, patience: float = PATIENCE) -> None:
        """``patience``: seconds that one waits before it is refused."""
        self._free = asyncio.Semaphore(at_once)
        self._patience = patience

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it for the length of a block.

        Raises:
            Refusal: ``unavailable``: none came in time.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise Refusal(
                "unavailable",
                "the database is busy with other changes; nothing was changed",
                "try again in some seconds",
            ) from None
        try:
            yield
        finally:
            self._free.release()
