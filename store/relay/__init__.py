"""What fills the cache: the relay that brings SQL's outbox to Redis, rebuilds the cache and holds it against SQL."""
