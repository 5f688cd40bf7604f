"""The expiring bench: aliases that have an end, beside such as have none.

Redis is filled with aliases that expire, each at another moment, and what it needs for each is measured; then a
decision about one that expires is timed (CPU time, look-up in Redis and all) in turns with one about an alias of the
same mailbox that does not. ``--full`` takes ten million.
"""

import time
from contextlib import closing

from bench.load.filling import fill
from bench.load.names import alias
from bench.load.site import BenchSite
from bench.load.timing import seconds_of
from bench.report.figures import Figure, Goal, Scale, median_of
from routing.address import Address
from routing.policy import Policy
from routing.recipient import resolve
from routing.verdicts import Deliver
from store.cache.directory import RedisDirectory
from store.relay.tools import CacheTools

_ENDLESS, _ENDING = 0, 20  # numbers of two aliases of one mailbox


def measure(scale: Scale) -> list[Figure]:
    """Return bytes an alias, and the cost of a decision with an end over one without."""
    size = scale.of(short=2000, usual=1_000_000, full=10_000_000)
    with BenchSite("sqlite") as site:
        fill(site.database, size, ending=True)
        with closing(CacheTools(site.database, site.redis.url)) as tools:
            before = site.redis_bytes()
            took = seconds_of(tools.rebuild())
            memory = site.redis_bytes() - before
        site.start_relay()
        ratios = _ratios(site.redis.url, scale.of(1, 21), scale.of(20, 2000))
    return [
        Figure("expiring.aliases", size, ""),
        Figure("expiring.rebuild_s", took, "s"),
        Figure("expiring.bytes_per_alias", memory / size, "B", Goal(90)),
        median_of("expiring.decision_over_endless", "x", ratios, Goal(1.05)),
    ]


def _ratios(url: str, rounds: int, count: int) -> list[float]:
    with closing(RedisDirectory.open(url)) as directory:
        _wait_for_lease(directory)
        return [
            _cpu_seconds(directory, _ENDING, count) / _cpu_seconds(directory, _ENDLESS, count) for _ in range(rounds)
        ]


def _cpu_seconds(directory: RedisDirectory, number: int, count: int) -> float:
    """Return the CPU time of so many decisions in this process: what Redis does is the same for both."""
    address, policy = Address.parse(alias(number)), Policy()
    began = time.process_time()
    for _ in range(count):
        assert isinstance(resolve(directory, policy, address, time.time()), Deliver)  # else that is another road
    return time.process_time() - began


def _wait_for_lease(directory: RedisDirectory) -> None:
    ends = time.monotonic() + 30
    while directory.lease_left() is None and time.monotonic() < ends:
        time.sleep(0.1)
