"""Whether a change has reached the cache: what an admin is told about when it works (DESIGN section 7)."""

import time
from typing import Literal

import redis
from sqlalchemy import func, select

from store.cache.connection import open_pool
from store.cache.layout import WAKE_CHANNEL
from store.errors import StoreUnavailable
from store.sql.database import Database
from store.sql.tables import OutboxRow

Propagation = Literal["live", "pending"]

PATIENCE = 1.0  # seconds
_SHORTEST, _LONGEST = 0.002, 0.02  # between two looks


def waiting(database: Database) -> int:
    """Return how many fields no relay has brought to the cache yet. Raises StoreUnavailable, StoreNotReady."""
    with database.read() as tx:
        return tx.scalars(select(func.count()).where(OutboxRow.applied_at.is_(None))).one()


class Waiter:
    """Wakes the relays after a change and waits for one of them. Safe to share between threads."""

    def __init__(self, database: Database, url: str) -> None:
        """Wait for the relays between ``database`` and the Redis at ``url``. Raises StoreNotReady: it is no URL."""
        self._database = database
        self._redis = redis.Redis(connection_pool=open_pool(url, patience=0.25, connections=8))

    def wait_until_live(self, version: int | None, timeout: float = PATIENCE) -> Propagation:
        """Return "live" once the cache holds the change of ``version``, "pending" when it does not in time.

        None, the version of a change that no decision can see, is live at once. Never raises: the change is made,
        whatever happens here.
        """
        if version is None:
            return "live"
        self._wake()
        end, pause = time.monotonic() + timeout, _SHORTEST
        while not self._is_applied(version):
            if time.monotonic() + pause > end:
                return "pending"
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)
        return "live"

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()

    def _wake(self) -> None:
        try:
            self._redis.publish(WAKE_CHANNEL, "")
        except (redis.RedisError, OSError):  # then a relay looks by itself, if it can do anything at all
            return

    def _is_applied(self, version: int) -> bool:
        waiting = select(OutboxRow.id).where(OutboxRow.version == version, OutboxRow.applied_at.is_(None))
        try:
            with self._database.read() as tx:
                return tx.scalars(waiting.limit(1)).first() is None
        except StoreUnavailable:
            return False
