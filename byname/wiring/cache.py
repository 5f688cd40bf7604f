"""How changes get into the cache, and how an admin hears of it."""

from contextlib import closing

from byname.wiring import needed
from conf.settings import Settings
from store.cache.connection import open_pool
from store.cache.propagation import Propagation, PropagationWaiter
from store.relay.service import Site
from store.relay.target import Lifetimes
from store.sql.database import Database
from store.wire_format.lease import SECONDS as LEASE_SECONDS


def relay_site(settings: Settings) -> Site:
    """Return from where to where the relay brings changes.

    Raises:
        ConfigError: ``cache.url`` is not set.
        StoreNotReady: ``cache.url`` is none.
    """
    url = needed(settings, "cache.url")
    open_pool(url, timeout=1, connections=1).close()
    lifetimes = Lifetimes(lease=LEASE_SECONDS, grace=settings.cache.grace, sender_grace=settings.cache.sender_grace)
    return Site(settings.store.url, url, lifetimes)


def propagation(url: str, database: Database, version: int | None) -> Propagation:
    """Wait until the cache at ``url`` holds a change, and return whether it does.

    Raises:
        StoreNotReady: ``url`` is none.
    """
    with closing(PropagationWaiter(database, url)) as waiter:
        return waiter.wait_until_live(version)
