"""How many imports run at once: each takes a thread and the database's writer again and again.

Measured without this, on SQLite: 45 at once, all of one account, made others wait ten seconds or be refused (503).
"""

from asyncio import Semaphore
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from admin_api.problems import Refusal

AT_WORK = 2  # in this process; the others wait, and hold no thread
OF_ONE = 4  # of one account, waiting ones and those still sending their body counted
_AGAIN = 5.0  # seconds


class ImportTurns:
    """Who imports. For the event loop only. ``at_work`` is to be held while one runs."""

    def __init__(self) -> None:
        self.at_work = Semaphore(AT_WORK)
        self._present: Counter[int] = Counter()

    @contextmanager
    def one_of(self, owner: int) -> Iterator[None]:
        """Count an import of ``owner`` for the length of a block. Raises Refusal ``rate-limited`` for one too many."""
        if self._present[owner] >= OF_ONE:
            raise Refusal("rate-limited", f"{OF_ONE} imports are under way already", retry_after=_AGAIN)
        self._present[owner] += 1
        try:
            yield
        finally:
            self._present[owner] -= 1
            if not self._present[owner]:
                del self._present[owner]
