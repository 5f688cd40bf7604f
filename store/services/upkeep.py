"""What is done every hour and nobody asks for: old counts go, and deleted names whose time is over are free."""

from store.services import kept_names
from store.services.statistics.pruning import prune
from store.sql.database import Database


def upkeep(database: Database) -> None:
    """Do what is due. Done by several processes at once it does no harm.

    Raises:
        StoreUnavailable, StoreNotReady: the rest stays until the next time.
    """
    prune(database)
    while True:
        with database.write() as tx:
            if not kept_names.free_due(tx):
                return
