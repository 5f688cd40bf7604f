"""What dies in the demo, in this order, and how it comes back."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from byname.sandbox.topology import Topology
from byname.sandbox.waiting import wait_until

_WITHIN = 40.0  # seconds


@dataclass(frozen=True, slots=True)
class Death:
    """One row: what dies, what is to be seen, and the parts that are down meanwhile."""

    what: str
    sees: str
    inject: Callable[[Topology], AbstractContextManager[tuple[str, ...]]]
    lasts: float = 5.0  # seconds


def _daemon(name: str) -> Callable[[Topology], AbstractContextManager[tuple[str, ...]]]:
    """Return the death of a daemon of a store's machine."""

    @contextmanager
    def killed(site: Topology) -> Iterator[tuple[str, ...]]:
        site.daemons[name].send(signal.SIGKILL)
        site.daemons[name].stop()
        try:
            yield (name,)
        finally:
            site.start_daemon(name)

    return killed


@contextmanager
def _milter(site: Topology) -> Iterator[tuple[str, ...]]:
    machine = site.mail["mx1"]
    machine.daemons["inbound"].send(signal.SIGKILL)
    machine.daemons["inbound"].stop()
    try:
        yield ("milter-mx1",)
    finally:
        machine.start_daemon("inbound")
        machine.wait_for_daemon("inbound")


@contextmanager
def _primary_of_redis(site: Topology) -> Iterator[tuple[str, ...]]:
    killed = site.primary()
    site.redis[killed].kill()
    try:
        wait_until(lambda: site.primary() != killed, _WITHIN, "sentinels that promote the other")
        yield (f"redis-{killed}",)
    finally:
        site.start_replica(killed)


@contextmanager
def _primary_of_postgresql(site: Topology) -> Iterator[tuple[str, ...]]:
    primary, standby = site.databases()
    site.postgres[primary].kill()
    try:
        site.postgres[standby].promote()
        yield (f"postgresql-{primary}",)
    finally:
        with site.machine(primary).inside():
            site.postgres[primary].follow(site.plan.addresses[standby])


@contextmanager
def _cut_off(site: Topology) -> Iterator[tuple[str, ...]]:
    with site.network.apart("mx2"):
        yield ("network-mx2",)


DEATHS = (
    Death("one of two relays: kill -9", "nothing", _daemon("relay-db1")),
    Death("Redis's primary: kill -9; the sentinels promote the other", "nothing", _primary_of_redis),
    Death("the milter of mx1: kill -9", "451 from mx1 until it is back", _milter),
    Death("one of two APIs behind nginx: kill -9", "nothing", _daemon("api-db2")),
    Death("PostgreSQL's primary: kill -9; the standby is promoted", "nothing", _primary_of_postgresql),
    Death("mx2 is cut off from all others", "known names of mx2 as ever, 451 for the rest", _cut_off, lasts=12.0),
)


def wait_until_well(site: Topology) -> float:
    """Wait until the cache is vouched for again; return the seconds that took. Raises SandboxTimeout."""
    began = time.monotonic()
    wait_until(site.is_vouched_for, _WITHIN, "a cache that is vouched for")
    return time.monotonic() - began
