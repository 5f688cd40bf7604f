"""Requests with the same idempotency key take turns in this process: a repeat waits until the first is answered.

PostgreSQL would make it wait by itself, at the key's row; on SQLite nobody could tell the first request from any other
writer that is in the way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from store.services.idempotency import in_progress

PATIENCE = 5.0  # seconds (docs/api.md, "Requests and answers")


class KeyTurns:
    """Who is at work on which key. Safe to share between threads."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._taken: set[tuple[int, str]] = set()
        self._changed = Condition()

    @contextmanager
    def turn(self, token_id: int, key: str | None) -> Iterator[None]:
        """Run a block while nobody else has the key; without a key, at once.

        Raises:
            ServiceError: ``request-in-progress`` when the one before takes too long.
        """
        if key is None:
            yield
            return
        mine = (token_id, key)
        with self._changed:
            if not self._changed.wait_for(lambda: mine not in self._taken, self._patience):
                raise in_progress()
            self._taken.add(mine)
        try:
            yield
        finally:
            with self._changed:
                self._taken.remove(mine)
                self._changed.notify_all()
