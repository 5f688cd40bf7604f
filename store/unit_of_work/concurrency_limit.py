"""Limits on long work: how much of one kind runs at once in this process, and how much one account may have waiting.

Measured without them, on SQLite: 45 imports at once, all of one account, made others wait ten seconds or be refused
(503); bulk calls of 1,000 items do the same to those who write one alias.
"""

import asyncio
from asyncio import Semaphore
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from threading import Thread

from store.errors import ServiceError

IMPORTS, BULK_CALLS, LARGE_MESSAGES = 4, 12, 4  # of one account, waiting ones and those still sending counted
_RUNNING = 2  # of each kind in this process; the others wait, and hold no thread
_RETRY_AFTER = 5.0  # seconds


class ConcurrencyLimit:
    """Limits one kind of long work. For one event loop only."""

    def __init__(self, kind: str, per_account: int) -> None:
        """``kind``: what messages call it, in the plural; ``per_account``: how many of one account may be under way."""
        self._kind, self._per_account = kind, per_account
        self._running = Semaphore(_RUNNING)
        self._under_way: Counter[int] = Counter()
        self._tasks = set[asyncio.Task[None]]()

    @contextmanager
    def admitted(self, account: int) -> Iterator[None]:
        """Count one request of ``account`` for the length of a block, running or waiting.

        Args:
            account: id; for an operator without an account any other number that is the caller's own.

        Raises:
            ServiceError: ``rate-limited`` for one too many.
        """
        if self._under_way[account] >= self._per_account:
            message = f"{self._per_account} {self._kind} are under way already"
            raise ServiceError("rate-limited", message, retry_after=_RETRY_AFTER)
        self._under_way[account] += 1
        try:
            yield
        finally:
            self._under_way[account] -= 1
            if not self._under_way[account]:
                del self._under_way[account]

    def start(self, account: int, work: Callable[[], None]) -> None:
        """Let ``work`` run in a thread of its own as soon as it may, and return at once. To be called on the loop.

        It goes on whatever becomes of the request that started it. The thread does not hold the process at its end:
        ``work`` must bear to be killed.

        Raises:
            ServiceError: ``rate-limited``, as :meth:`admitted`.
        """
        with ExitStack() as stack:
            stack.enter_context(self.admitted(account))
            task = asyncio.get_running_loop().create_task(self._work(work, stack.pop_all()))
        self._tasks.add(task)  # the loop itself holds no task fast
        task.add_done_callback(self._tasks.discard)

    async def _work(self, work: Callable[[], None], admitted: ExitStack) -> None:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def run() -> None:
            try:
                work()
            finally:
                with suppress(RuntimeError):  # the loop has ended before it
                    loop.call_soon_threadsafe(ended.set_result, None)

        with admitted:
            async with self._running:
                Thread(target=run, name=f"byname-{self._kind}", daemon=True).start()
                await ended

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Wait until the work may run, and count it as running for the length of a block."""
        async with self._running:
            yield


def import_limit() -> ConcurrencyLimit:
    """Return the limit on imports."""
    return ConcurrencyLimit("imports", IMPORTS)


def bulk_limit() -> ConcurrencyLimit:
    """Return the limit on bulk calls."""
    return ConcurrencyLimit("bulk calls", BULK_CALLS)


def message_limit() -> ConcurrencyLimit:
    """Return the limit on large messages: each takes many times its size while it is composed."""
    return ConcurrencyLimit("large messages", LARGE_MESSAGES)
