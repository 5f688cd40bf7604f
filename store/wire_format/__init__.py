"""The format of the cache in Redis: keys, values, lease. Pure; both who reads and who writes use it."""
