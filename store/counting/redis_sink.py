"""Where the counts of a process go that has a cache: into a stream in Redis, for the relay."""

import redis

from store.cache.connection import open_pool
from store.wire_format.counts import FIELD, MOST_BATCHES, STREAM, Batch, written

_PATIENCE = 2.0  # seconds for an answer of Redis


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
