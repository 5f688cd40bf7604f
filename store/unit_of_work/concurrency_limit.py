"""Limits on long work: how much of one kind runs at once in this process, and how much one account may have waiting.

Measured without them, on SQLite: 45 imports at once, all of one account, made others wait ten seconds or be refused
(503); bulk calls of 1,000 items do the same to those who write one alias.
"""

from asyncio import Semaphore
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from store.errors import ServiceError

IMPORTS, BULK_CALLS = 4, 12  # of one account, waiting ones and those still sending their body counted
_RUNNING = 2  # of each kind in this process; the others wait, and hold no thread
_RETRY_AFTER = 5.0  # seconds


class ConcurrencyLimit:
    """Limits one kind of long work. For one event loop only."""

    def __init__(self, kind: str, per_account: int) -> None:
        """``kind``: what messages call it, in the plural; ``per_account``: how many of one account may be under way."""
        self._kind, self._per_account = kind, per_account
        self._running = Semaphore(_RUNNING)
        self._under_way: Counter[int] = Counter()

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
