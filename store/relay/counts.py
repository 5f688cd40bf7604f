"""The counts of the mail processes, from the stream in Redis into SQL: a thread of the relay's own.

An entry stays until its batch is committed, so a relay that is killed at any place loses nothing, and the id of the
batch keeps it from counting twice. Two relays do no harm. What fails is tried again; no change waits for it.
"""

import threading
from time import monotonic
from typing import Any

import redis
import structlog

from store.cache.connection import open_pool
from store.services.statistics.merging import merge
from store.services.upkeep import upkeep
from store.sql.database import Database
from store.wire_format.counts import FIELD, STREAM, UnreadableBatch, read_batch

EVERY = 1.0  # seconds
PRUNE_EVERY = 3600.0
_PATIENCE = 5.0  # seconds for an answer of Redis
_AT_ONCE = 100  # entries

log = structlog.get_logger()


def merge_counts(database: Database, url: str, ended: threading.Event, every: float = EVERY) -> None:
    """Merge what comes, until ``ended``. For a thread of its own; never raises."""
    pool = open_pool(url, timeout=_PATIENCE, connections=1)
    merging = CountMerging(database, redis.Redis(connection_pool=pool))
    trouble = ""
    while not ended.wait(every):
        found = merging.attempt()
        if found != trouble and not ended.is_set():
            trouble = found
            log.warning("counts-not-merged", reason=trouble) if trouble else log.info("counts-merged")
    pool.close()


class CountMerging:
    """What is done every second."""

    def __init__(self, database: Database, client: Any) -> None:
        """``client`` is a ``redis.Redis``."""
        self._database = database
        self._client = client
        self._prune_at = monotonic()

    def attempt(self) -> str:
        """Do it, and return what went wrong, empty for nothing."""
        try:
            while self.merge_some():
                continue
            if monotonic() >= self._prune_at:
                self._prune_at = monotonic() + PRUNE_EVERY
                upkeep(self._database)
        except Exception as error:  # noqa: BLE001 - the relay's own work goes on, whatever it is
            return str(error) or type(error).__name__
        return ""

    def merge_some(self) -> int:
        """Merge some entries of the stream and take them out; return how many there were.

        Raises:
            redis.RedisError, OSError, StoreUnavailable, StoreNotReady.
        """
        entries = self._client.xrange(STREAM, count=_AT_ONCE)
        for entry, fields in entries:
            self._merge(fields.get(FIELD.encode()))
            self._client.xdel(STREAM, entry)
        return len(entries)

    def _merge(self, text: bytes | None) -> None:
        try:
            batch = read_batch(text)
        except UnreadableBatch as error:
            log.warning("counts-unreadable", reason=str(error))
            return
        with self._database.write() as tx:
            merge(tx, batch)
