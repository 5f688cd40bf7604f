"""Where the counts of a process go: into a stream in Redis, for the relay, or without a cache straight into SQL."""

from time import monotonic

import redis

from store.cache.connection import open_pool
from store.services.statistics.merging import merge
from store.services.upkeep import upkeep
from store.sql.database import Database
from store.wire_format.counts import FIELD, MOST_BATCHES, STREAM, Batch, written

_PATIENCE = 2.0  # seconds for an answer of Redis
PRUNE_EVERY = 3600.0


class RedisSink:
    """A bounded stream. An answer that was lost leads to a second entry with the same id, which counts nothing."""

    def __init__(self, url: str) -> None:
        """Write to the Redis at ``url``. Raises StoreNotReady: the URL is none."""
        self._pool = open_pool(url, timeout=_PATIENCE, connections=1)
        self._client = redis.Redis(connection_pool=self._pool)

    def put(self, batch: Batch) -> None:
        """Add an entry. Raises redis.RedisError or OSError."""
        self._client.xadd(STREAM, {FIELD: written(batch)}, maxlen=MOST_BATCHES, approximate=True)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


class SqlSink:
    """The database itself; upkeep is done here now and then, for no relay does it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._prune_at = monotonic()

    def put(self, batch: Batch) -> None:
        """Merge a batch. Raises StoreUnavailable, StoreNotReady."""
        with self._database.write() as tx:
            merge(tx, batch)
        if monotonic() >= self._prune_at:
            self._prune_at = monotonic() + PRUNE_EVERY
            upkeep(self._database)

    def close(self) -> None:
        """Leave the database to its owner."""
