"""How many heavy requests run at once: each takes a thread and the database's writer again and again, or for long.

Measured without this, on SQLite: 45 imports at once, all of one account, made others wait ten seconds or be refused
(503); bulk calls of 1,000 items do the same to those who write one alias.
"""

from asyncio import Semaphore
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from admin_api.problems import Refusal

IMPORTS, BULK_CALLS = 4, 12  # of one account, waiting ones and those still sending their body counted
_AT_WORK = 2  # of each kind in this process; the others wait, and hold no thread
_AGAIN = 5.0  # seconds


class HeavyTurns:
    """Who makes heavy requests of one kind. For the event loop only."""

    def __init__(self, what: str, of_one: int) -> None:
        self._what, self._of_one = what, of_one
        self._at_work = Semaphore(_AT_WORK)
        self._present: Counter[int] = Counter()

    @contextmanager
    def present(self, owner: int) -> Iterator[None]:
        """Count a request of ``owner`` (:attr:`admin_api.auth.Caller.counted_as`) for the length of a block.

        Raises:
            Refusal: ``rate-limited`` for one too many.
        """
        if self._present[owner] >= self._of_one:
            raise Refusal("rate-limited", f"{self._of_one} {self._what} are under way already", retry_after=_AGAIN)
        self._present[owner] += 1
        try:
            yield
        finally:
            self._present[owner] -= 1
            if not self._present[owner]:
                del self._present[owner]

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Wait for a turn to do the work, and keep it for the length of a block."""
        async with self._at_work:
            yield


def import_turns() -> HeavyTurns:
    """Return the turns of imports."""
    return HeavyTurns("imports", IMPORTS)


def bulk_turns() -> HeavyTurns:
    """Return the turns of bulk calls."""
    return HeavyTurns("bulk calls", BULK_CALLS)
