"""The rebuild bench: filling Redis from SQL, how long a look-up waits meanwhile, and the memory that an alias takes.

First into an empty Redis with nothing else going on: aliases a second, the CPU time of the rebuilding process (without
Redis and PostgreSQL; on a busy machine it says more than the first), and what Redis needs for each. Then over the full
one while a milter is asked for names, once a millisecond on each of two connections: a rebuild takes the lease away
until its end, so this is the longest that an SMTP client waits for RCPT while Redis is worked on and SQL answers.
"""

import time
from contextlib import closing

from bench.load.filling import fill
from bench.load.recipient_load import Load, asking
from bench.load.site import BenchSite, Store
from bench.load.timing import seconds_of
from bench.report.figures import Figure, Goal, Scale
from store.relay.tools import CacheTools

_STORES: tuple[Store, ...] = ("sqlite", "postgresql")
_CONNECTIONS, _PAUSE = 2, 0.001


def measure(scale: Scale) -> list[Figure]:
    """Return aliases a second, bytes an alias, and the longest wait in milliseconds."""
    size = scale.of(short=2000, usual=1_000_000, full=5_000_000)
    figures = [Figure("rebuild.aliases", size, "")]
    for store in _STORES[:1] if scale.short else _STORES:
        with BenchSite(store) as site:
            fill(site.database, size)
            figures += _of(site, store, size)
    return figures


def _of(site: BenchSite, store: Store, size: int) -> list[Figure]:
    with closing(CacheTools(site.database, site.redis.url)) as tools:
        before, cpu = site.redis_bytes(), time.process_time()
        empty = seconds_of(tools.rebuild())
        memory, cpu = site.redis_bytes() - before, time.process_time() - cpu
        full, load = _while_asked(site, tools, size)
    return [
        Figure(f"rebuild.{store}_aliases_per_s", size / empty, "1/s", Goal(200_000, at_least=True)),
        Figure(f"rebuild.{store}_cpu_us_per_alias", 1e6 * cpu / size, "us"),
        Figure(f"rebuild.{store}_bytes_per_alias", memory / size, "B", Goal(90)),
        Figure(f"rebuild.{store}_again_aliases_per_s", size / full, "1/s"),
        Figure(f"rebuild.{store}_lookup_p99_ms", load.p99_ms, "ms"),
        Figure(f"rebuild.{store}_lookup_longest_ms", load.max_ms, "ms", Goal(50)),
        Figure(f"rebuild.{store}_lookups_refused", load.refused, "", Goal(0)),
    ]


def _while_asked(site: BenchSite, tools: CacheTools, size: int) -> tuple[float, Load]:
    milter = site.start_milter()
    with asking(site.milter, size, connections=_CONNECTIONS, pause=_PAUSE) as load:
        took = seconds_of(tools.rebuild())
    milter.stop()
    return took, load
