"""How every door makes a change: command line, REST API and whatever comes beside them.

Who acts, the idempotency key, the transaction, the wait for the cache and the limits on long work are decided here,
once. What is refused is a :class:`store.errors.ServiceError`; a door turns it into its own form of answer.
"""
