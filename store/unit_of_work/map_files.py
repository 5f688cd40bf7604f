"""The wait until the files that mail servers read hold a change of who is hosted (docs/design.md, section 7)."""

import time

from store.cache.propagation import TIMEOUT, Propagation
from store.errors import StoreNotReady, StoreUnavailable
from store.sql import map_files
from store.sql.database import Database

_SHORTEST, _LONGEST = 0.01, 0.08  # seconds between two looks


def wait_for_files(database: Database, version: int, timeout: float = TIMEOUT) -> Propagation:
    """Return "live" once every file holds the change of ``version``, "pending" when one does not in time.

    At once where no mail server has such a file. Never raises: the change is made, whatever happens here.
    """
    end, pause = time.monotonic() + timeout, _SHORTEST
    while not _all_hold(database, version):
        if time.monotonic() > end:
            return "pending"
        time.sleep(min(pause, max(0.0, end - time.monotonic())))
        pause = min(2 * pause, _LONGEST)
    return "live"


def _all_hold(database: Database, version: int) -> bool:
    try:
        return map_files.all_hold(database, version)
    except (StoreUnavailable, StoreNotReady):
        return False
