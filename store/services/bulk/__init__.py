"""Many changes of aliases in one transaction: facts are read, decisions made in order, writes put together."""
