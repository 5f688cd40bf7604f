"""How many passwords are checked at once: a check takes 19 MiB and 30 ms of a processor (store.passwords).

Without it 40 people who sign in at once would take 760 MiB, and every thread that the API has. So few checks run,
some more wait without holding a thread, and the rest is told to come again in a second. A flood from one network fills
its own few places only; one from many networks cannot take the places kept for networks from which somebody has signed
in since this process began.
"""

import threading
from asyncio import Semaphore
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from store.errors import ServiceError
from store.services.sign_in_attempts import network

RUNNING = 4  # in this process
PLACES = 64  # running and waiting
KEPT = 16  # of them for networks that are known
OF_ONE_NETWORK = 8
_REMEMBERED = 10_000  # networks
_RETRY_AFTER = 1.0  # seconds


class SignInLimit:
    """Limits password checks. Its blocks are for one event loop only."""

    def __init__(self, places: int = PLACES) -> None:
        """``places``: for all who are checked or wait."""
        self._places = places
        self._running = Semaphore(RUNNING)
        self._under_way: Counter[str] = Counter()
        self._known: dict[str, None] = {}  # in the order in which they were last seen
        self._guard = threading.Lock()

    def remember(self, client: str) -> None:
        """Note that somebody has signed in from an address. From any thread."""
        place, _ = network(client)
        with self._guard:
            self._known.pop(place, None)
            self._known[place] = None
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]

    @asynccontextmanager
    async def admitted(self, client: str) -> AsyncIterator[None]:
        """Wait until a check may run, and count it for the length of a block.

        Args:
            client: the IP address it is for.

        Raises:
            ServiceError: ``rate-limited`` for one too many of a network, ``unavailable`` for one too many of all; both
                with ``retry_after``.
        """
        place, is_shared = network(client)
        self._check(place, is_shared=is_shared)
        self._under_way[place] += 1
        try:
            async with self._running:
                yield
        finally:
            self._under_way[place] -= 1
            if not self._under_way[place]:
                del self._under_way[place]

    def _check(self, place: str, *, is_shared: bool) -> None:
        if not is_shared and self._under_way[place] >= OF_ONE_NETWORK:
            raise ServiceError("rate-limited", "too many sign-ins at once from your network", retry_after=_RETRY_AFTER)
        places = self._places if place in self._known else self._places - KEPT
        if self._under_way.total() >= places:
            message = "too many people are signing in at this moment"
            raise ServiceError("unavailable", message, retry_after=_RETRY_AFTER)
