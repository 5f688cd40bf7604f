"""The write side of the cache: the relay applies SQL's outbox to Redis, rebuilds the cache and audits it."""
