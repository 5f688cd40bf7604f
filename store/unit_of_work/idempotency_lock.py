"""A lock for each idempotency key, in the memory of this process: a repeat waits until the first request is answered.

PostgreSQL would make it wait by itself, at the key's row; on SQLite nobody could tell the first request from any other
writer that is in the way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from store.services.idempotency import in_progress

PATIENCE = 5.0  # seconds that a repeat waits (docs/api.md, "Requests and answers")

Key = tuple[int, str]  # a token's id and its client's key


class IdempotencyLock:
    """Holds one request at a time for each key. Safe to share between threads."""

    def __init__(self, patience: float = PATIENCE) -> None:
        """``patience``: seconds to wait for the request that holds the key."""
        self._patience = patience
        self._held = set[Key]()
        self._released = Condition()

    @contextmanager
    def held(self, key: Key | None) -> Iterator[None]:
        """Hold a key for the length of a block; without a key, hold nothing.

        Raises:
            ServiceError: ``request-in-progress`` when the request that holds it takes too long.
        """
        if key is None:
            yield
            return
        with self._released:
            if not self._released.wait_for(lambda: key not in self._held, self._patience):
                raise in_progress()
            self._held.add(key)
        try:
            yield
        finally:
            with self._released:
                self._held.remove(key)
                self._released.notify_all()
