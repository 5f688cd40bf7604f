"""The wait until a change has reached the cache, for the answer to the admin (docs/design.md, section 7)."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import redis
from sqlalchemy import BigInteger, bindparam, func, select

from store.cache.connection import open_pool
from store.cache.notify import subscribe
from store.errors import StoreUnavailable
from store.sql.database import Database
from store.sql.tables import OutboxRow
from store.wire_format.layout import LIVE_CHANNEL, WAKE_CHANNEL

Propagation = Literal["live", "pending"]

TIMEOUT = 1.0  # seconds
_SHORTEST, _LONGEST = 0.005, 0.04  # between two reads of the outbox without a message


def waiting(database: Database) -> int:
    """Return how many fields no relay has brought to the cache yet. Raises StoreUnavailable, StoreNotReady."""
    with database.read() as tx:
        return tx.scalars(select(func.count()).where(OutboxRow.applied_at.is_(None))).one()


class PropagationWaiter:
    """Notifies the relays of a change and waits until it is in the cache. Safe to share between threads.

    The outbox alone is the evidence. A relay's message over Redis only says when to read it, and wakes those whose
    change it may speak of, not everyone.
    """

    def __init__(self, database: Database, url: str) -> None:
        """Wait for the relays between ``database`` and the Redis at ``url``. Raises StoreNotReady: it is no URL."""
        self._database = database
        self._redis = redis.Redis(connection_pool=open_pool(url, timeout=0.25, connections=8))
        self._lock = threading.Lock()
        self._waiting: dict[threading.Event, int] = {}  # what wakes a thread, and the version that it waits for
        self._closed = threading.Event()
        listener = (url, LIVE_CHANNEL, self._on_message, self._closed)
        self._listener = threading.Thread(target=subscribe, args=listener, name="live", daemon=True)

    def wait_until_live(self, version: int | None, timeout: float = TIMEOUT) -> Propagation:
        """Return "live" once the cache holds the change of ``version``, "pending" when it does not in time.

        None, the version of a change that no decision can see, is live at once. Never raises: the change is made,
        whatever happens here.
        """
        if version is None:
            return "live"
        end = time.monotonic() + timeout
        with self._woken(version) as told:
            self._notify(version)
            return "live" if self._is_seen(version, told, end) else "pending"

    def close(self) -> None:
        """Close the connections to Redis."""
        self._closed.set()
        self._redis.close()

    @contextmanager
    def _woken(self, version: int) -> Iterator[threading.Event]:
        """Yield what a message about ``version`` sets."""
        told = threading.Event()
        with self._lock:
            if self._listener.ident is None:
                self._listener.start()
            self._waiting[told] = version
        try:
            yield told
        finally:
            with self._lock:
                del self._waiting[told]

    def _is_seen(self, version: int, told: threading.Event, end: float) -> bool:
        """Look into the outbox after each message, and now and then without one; no relay is done before the first."""
        pause = _SHORTEST
        while True:
            told.wait(max(0.0, min(pause, end - time.monotonic())))
            told.clear()
            if self._is_applied(version):
                return True
            if time.monotonic() > end:
                return False
            pause = min(2 * pause, _LONGEST)

    def _on_message(self, version: int) -> None:
        """Wake those whose change is in the cache if all up to ``version`` are, as a relay says; 0: everyone."""
        with self._lock:
            told = [event for event, wanted in self._waiting.items() if not version or wanted <= version]
        for event in told:
            event.set()

    def _notify(self, version: int) -> None:
        try:
            self._redis.publish(WAKE_CHANNEL, version)
        except (redis.RedisError, OSError):  # then a relay looks by itself, if it can do anything at all
            return

    def _is_applied(self, version: int) -> bool:
        try:
            with self._database.alone() as connection:
                return connection.scalars(_WAITING, {"version": version}).first() is None
        except StoreUnavailable:
            return False


_WAITING = (
    select(OutboxRow.id)
    .where(OutboxRow.version == bindparam("version", type_=BigInteger), OutboxRow.applied_at.is_(None))
    .limit(1)
)
