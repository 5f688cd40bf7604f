"""Where the counts of a process that sees mail go."""

from collections.abc import Iterator
from contextlib import contextmanager

from conf.settings import Settings
from store.counting.handing_over import HandOver, Sink
from store.counting.sinks import RedisSink, SqlSink
from store.counting.tally import Tally
from store.sql.database import Database


@contextmanager
def counting(settings: Settings, database: Database) -> Iterator[Tally | None]:
    """Count for the length of a block, and hand on what was counted: through the cache, if there is one, else to SQL.

    Yields None where nothing is to be counted.

    Raises:
        StoreNotReady: ``cache.url`` is none.
    """
    if not settings.statistics.enabled:
        yield None
        return
    tally = Tally()
    with HandOver(tally, _sink(settings, database)):
        yield tally


def _sink(settings: Settings, database: Database) -> Sink:
    return SqlSink(database) if settings.cache.url is None else RedisSink(settings.cache.url)
