"""What the decisions ask: SQL, and the cache before it where there is one."""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from conf.settings import Settings
from routing.directory import Directory, LookupFailed
from store.cache.deadline import DeadlineRunner, Unanswered
from store.cache.directory import TIMEOUT, NoEvidence, RedisDirectory
from store.cache.fallback import PROBE, FallbackDirectory
from store.cache.metrics import DirectoryMetrics
from store.cache.replica import ReplicaDirectory

if TYPE_CHECKING:  # heavy, and a daemon with a cache needs it late (byname.wiring.late_store)
    from store.sql.database import Database
    from store.sql.directory import SqlDirectory


def decision_directory(settings: Settings, sql: Directory, registry: CollectorRegistry | None = None) -> Directory:
    """Return what the decisions ask, one for the life of a process. Without a cache that is ``sql`` itself.

    ``registry`` takes the directory's metrics.

    Raises:
        StoreNotReady: ``cache.url`` is none.
    """
    cache = cache_directory(settings)
    if cache is None:
        return sql
    return FallbackDirectory(cache, sql, DirectoryMetrics(registry or CollectorRegistry()), _replica(settings))


def _replica(settings: Settings) -> ReplicaDirectory | None:
    url, replica = settings.cache.url, settings.cache.replica
    return None if url is None or replica is None else ReplicaDirectory.open(url, replica)


def health(known: Directory) -> Callable[[], Mapping[str, str]]:
    """Return the health check of a directory: "ok" or a reason, by backend."""
    if isinstance(known, FallbackDirectory):
        return known.health
    return lambda: {"sql": _sql_health(known)}


def _sql_health(known: Directory) -> str:
    try:
        known.lookup([PROBE])
    except LookupFailed as error:
        return str(error)
    return "ok"


def cache_directory(settings: Settings) -> RedisDirectory | None:
    """Return the directory in the cache alone; None without a cache.

    Raises:
        StoreNotReady: ``cache.url`` is none.
    """
    return None if settings.cache.url is None else RedisDirectory.open(settings.cache.url)


def is_vouched_for(settings: Settings) -> bool:
    """Return whether there is a cache that can answer now.

    Raises:
        StoreNotReady: ``cache.url`` is none.
    """
    cache = cache_directory(settings)
    if cache is None:
        return False
    with closing(cache), closing(DeadlineRunner("cache-at-start", TIMEOUT, places=1)) as asking:
        try:
            return asking.ask(cache.lease_left) is not None
        except (NoEvidence, Unanswered):
            return False


def sql_directory(database: "Database") -> "SqlDirectory":
    """Return the directory in the store alone."""
    from store.sql.directory import SqlDirectory

    return SqlDirectory(database)
