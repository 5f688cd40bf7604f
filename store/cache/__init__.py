"""The read side of the cache: the Redis directory, the fallback to SQL and grace, and the wait for a change."""
