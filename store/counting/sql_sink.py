"""Where the counts of a process go that has no cache: straight into SQL."""

from time import monotonic

from store.services.statistics.merging import merge
from store.services.upkeep import upkeep
from store.sql.database import Database
from store.wire_format.counts import Batch

PRUNE_EVERY = 3600.0


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
