"""Where the counts of a process that sees mail go."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from byname.wiring import needed
from conf.settings import Settings
from store.counting.handing_over import HandOver, Sink
from store.counting.redis_sink import RedisSink
from store.counting.tally import Tally

if TYPE_CHECKING:  # heavy, and with a cache not needed
    from store.sql.database import Database


@contextmanager
def counting(settings: Settings, database: "Database | None") -> Iterator[Tally | None]:
    """Count for the length of a block, and hand on what was counted: through the cache, if there is one, else to SQL.

    ``database`` is None where there is a cache. Yields None where nothing is to be counted.

    Raises:
        StoreNotReady: ``cache.url`` is none.
    """
    if not settings.statistics.enabled:
        yield None
        return
    tally = Tally()
    with HandOver(tally, _sink(settings, database)):
        yield tally


def _sink(settings: Settings, database: "Database | None") -> Sink:
    if settings.cache.url is not None or database is None:
        return RedisSink(needed(settings, "cache.url"))
    from store.counting.sql_sink import SqlSink

    return SqlSink(database)
