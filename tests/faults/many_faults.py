"""Machines that die or are cut off, as rows: over the topologies of ``conf/topologies``."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from byname.sandbox.waiting import wait_until
from store.wire_format import layout
from store.wire_format.lease import lease_text
from tests.faults.cache_faults import LEASE, SOON
from tests.faults.clock_faults import made as clock_made
from tests.faults.clock_faults import set_clock
from tests.faults.fault import GRACE, LATER, RIGHT, Fault, Inject
from tests.faults.machine_faults import machine_lost
from tests.faults.many_world import RELAYS, ManyWorld, can_change, is_level
from tests.faults.names import FIRST
from tests.faults.timeline import Timeline
from tests.faults.upgrade_faults import another_release, back_again, half_upgraded, upgraded_by_machine
from tests.faults.world import World

LONG = 8.0  # seconds: longer than the lease lives
_NOBODY = ("10.77.0.99", "6379")
ManyInject = Callable[[ManyWorld, Timeline], AbstractContextManager[None]]


def _many(inject: ManyInject) -> Inject:
    """Return a fault of a topology as one of any world."""

    def checked(world: World, timeline: Timeline) -> AbstractContextManager[None]:
        assert isinstance(world, ManyWorld)
        return inject(world, timeline)

    return checked


@contextmanager
def _nothing(_world: ManyWorld, _timeline: Timeline) -> Iterator[None]:
    yield


@contextmanager
def _emptied(world: ManyWorld, _timeline: Timeline) -> Iterator[None]:
    """The only primary is killed and comes back empty, which empties its replicas."""
    world.many.redis["db"].kill()
    yield
    world.many.start_redis("db")
    world.wait_for_lease()


@contextmanager
def _failed_over(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """The primary is killed, the sentinels promote the other; the former one comes back as a replica."""
    killed = world.many.primary()
    timeline.killed()
    world.many.redis[killed].kill()
    wait_until(lambda: world.many.primary() != killed, 30, "a failover")
    yield
    world.many.start_replica(killed)
    world.wait_for_lease()
    world.wait_until_followed(killed, *world.many.mail)


@contextmanager
def _cut_off(world: ManyWorld, _timeline: Timeline) -> Iterator[None]:
    """A mail machine alone with a replica that gets older, while names change elsewhere."""
    with world.many.network.apart("mx2"):
        yield
    world.wait_until_followed("mx2")


@contextmanager
def _behind(world: ManyWorld, _timeline: Timeline) -> Iterator[None]:
    """A replica that follows nobody, and does not say so; its milters reach everybody else."""
    with world.client("mx2") as replica:
        before = replica.info("replication")
        replica.replicaof(*_NOBODY)
        yield
        replica.replicaof(str(before["master_host"]), str(before["master_port"]))
    world.wait_until_followed("mx2")


@contextmanager
def _apart(world: World) -> Iterator[None]:
    """Two primaries, each with a relay that lives, a mail machine and its replica; nobody joins them."""
    assert isinstance(world, ManyWorld)
    sentinels = [f"sentinel-{place}" for place in world.many.plan.sentinels]
    homes = {"db1": "mx1", "db2": "mx2"}
    former = world.many.primary()
    other = next(place for place in homes if place != former)
    world.end(*sentinels, *RELAYS)
    with ExitStack() as stack:
        for place, mail in homes.items():
            address = world.many.plan.addresses[place]
            environ = {"BYNAME_CACHE__URL": f"redis://{address}:6379"}
            world.begin(f"relay-{place}", environ=environ)
            with world.client(mail) as replica:
                replica.replicaof(address, "6379")
            stack.enter_context(world.mail_with(mail, environ))
        try:
            yield
        finally:
            world.end(*RELAYS)
            _join(world, former, other)


def _join(world: ManyWorld, former: str, other: str) -> None:
    """Let all follow the former primary again, with sentinels that watch it."""
    address = world.many.plan.addresses[former]
    for place in (other, *world.many.mail):
        world.client(place).replicaof(address, "6379")
    world.begin(*(f"sentinel-{place}" for place in world.many.plan.sentinels), *RELAYS)
    wait_until(lambda: _knows(world, former), 30, "sentinels")


def _knows(world: ManyWorld, former: str) -> bool:
    try:
        return world.many.primary() == former
    except Exception:  # noqa: BLE001 - it has only just started
        return False


@contextmanager
def _split(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """The one that is promoted has counted more than any mark says, as repairs do, and its relay stops for a moment.

    Meanwhile the other relay marks changes that only the former primary has.
    """
    replica = next(name for name in world.many.redis if world.client(name).info("replication")["role"] == "slave")
    with world.client(replica) as promoted:
        timeline.killed()
        promoted.replicaof("NO", "ONE")
        promoted.hdel(layout.domain_key("brand-a.test"), *(f"many-{number}" for number in range(20)))
        own = lease_text(str(promoted.info("server")["run_id"])).encode()
        wait_until(lambda: promoted.get(layout.LEASE_KEY) == own, 30, "a lease of the promoted one")
        relay = world.many.daemons[f"relay-{replica}"]
        relay.send(signal.SIGSTOP)
        promoted.hincrby(layout.STATE_KEY, "applied", 1000)
        before = {name: timeline.now(name) for name in FIRST}
        wait_until(lambda: all(timeline.now(name) != before[name] for name in FIRST), 20, "changes of all names")
        with timeline.still():  # the next change of a name would hide that one was missed
            relay.send(signal.SIGCONT)
            yield


@contextmanager
def _store_failed_over(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """The standby is cut off, changes go on, the primary dies, and the standby takes over without them."""
    primary, standby = world.many.databases()
    with timeline.still():
        wait_until(lambda: is_level(world, primary), 20, "a standby that has everything")
        world.many.network.cut(standby)
        old = {name: timeline.now(name) for name in FIRST}
    time.sleep(2.0)  # of changes that will be lost
    with timeline.still():
        begun = time.time()
        timeline.killed()
        world.many.postgres[primary].kill()
        world.many.postgres[standby].promote()  # first: what the dead one's kernel still holds would arrive
        world.many.network.mend(standby)
        for name, outcome in old.items():
            timeline.note(name, outcome, begun)
        wait_until(lambda: can_change(world), 20, "a store that takes changes")
    yield
    with timeline.still(), world.many.machine(primary).inside():
        world.many.postgres[primary].follow(world.many.plan.addresses[standby])


@contextmanager
def _relays_killed(world: ManyWorld, _timeline: Timeline) -> Iterator[None]:
    world.end(*RELAYS)
    yield
    world.begin(*RELAYS)


@contextmanager
def _one_relay_killed(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    timeline.killed()
    world.end("relay-db1")
    yield
    world.begin("relay-db1")


@contextmanager
def _rolling(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """Each of Byname's daemons of all machines in turn."""
    timeline.killed()
    for relay in RELAYS:
        world.end(relay, how=signal.SIGTERM)
        world.begin(relay)
    for place in world.many.mail:
        world.restart_mail(place)
    yield


@contextmanager
def _api_killed(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """One of two APIs dies: whoever asks nginx gets an answer all the same."""
    timeline.killed()
    ask = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1/api/v1/accounts")
    world.end("api-db1")
    answers = {world.many.run_at("web", *ask) for _ in range(6)}
    assert answers == {"401"}, answers
    yield
    world.begin("api-db1")


@contextmanager
def _slow(world: ManyWorld, _timeline: Timeline) -> Iterator[None]:
    with world.many.network.slow("mx2", 100, 0.05):
        yield
    world.wait_until_followed("mx2")


def _clocks(seconds: int) -> Callable[[World], AbstractContextManager[None]]:
    """Return what lets a mail machine, and the machine of the second store, have another time of day."""

    @contextmanager
    def around(world: World) -> Iterator[None]:
        assert isinstance(world, ManyWorld)
        environ = clock_made(world)
        set_clock(world, seconds)
        replica = world.many.mail["mx2"]
        replica.redis.kill()
        replica.start_replica(os.environ | environ)
        world.wait_until_followed("mx2")
        world.end("relay-db2")
        world.begin("relay-db2", environ=environ)
        with world.mail_with("mx2", environ):
            yield
        world.end("relay-db2")
        world.begin("relay-db2")
        replica.redis.kill()
        replica.start_replica()
        world.wait_until_followed("mx2")

    return around


def row(name: str, does: str, sees: str, inject: ManyInject, recovers: float = 0.0, **more: object) -> Fault:
    """Return a row, which mostly is not part of the short form."""
    given = {"seconds": 3.0, "long": LONG, "settles": LEASE, "is_short": False} | more
    return Fault(name, does, sees, _many(inject), recovers, **given)  # type: ignore[arg-type]


ON_TWO_MTAS = (
    row("two-none", "two MTAs: nothing", RIGHT, _nothing, settles=SOON),
    row("two-emptied", "the Redis of two MTAs: kill -9, then started empty", RIGHT, _emptied, is_short=True),
    row("two-cut", "two MTAs: one is cut off", LATER, _cut_off, 20.0, seconds=LONG, is_short=True),
    row("two-behind", "two MTAs: a replica falls behind", RIGHT, _behind),
    row(
        "two-upgraded",
        "another release half-way: new tables, the relay, one MTA of two",
        LATER,
        half_upgraded,
        10.0,
        around=another_release(has_tables=True),
        is_short=True,
        long=LONG,
    ),
)
WITHOUT_SINGLE_POINT = (
    row("many-none", "two of everything: nothing", RIGHT, _nothing, settles=SOON),
    row(
        "many-failover",
        "Redis's primary: kill -9; the sentinels promote the other",
        RIGHT,
        _failed_over,
        takes_over=True,
    ),
    row("many-cut", "an MTA is cut off from all others", LATER, _cut_off, 20.0),
    row(
        "many-split",
        "two primaries of Redis, each with a relay and an MTA",
        RIGHT,
        _split,
        around=_apart,
        long=16.0,
        takes_over=True,
        caches=False,
    ),
    row(
        "many-store",
        "PostgreSQL: kill -9; its standby, without the last changes",
        GRACE,
        _store_failed_over,
        5.0,
        takes_over=True,
    ),
    row(
        "many-machine",
        "the machine of both primaries is gone; the sentinels promote Redis, an admin PostgreSQL",
        LATER,
        machine_lost,
        20.0,
        long=25.0,
        takes_over=True,
    ),
    row("many-relay", "one of two relays: kill -9", RIGHT, _one_relay_killed, settles=SOON, takes_over=True),
    row("many-relays", "both relays: kill -9", RIGHT, _relays_killed),
    row(
        "many-rolling",
        "Byname's daemons: restarted one after the other",
        LATER,
        _rolling,
        10.0,
        long=1.0,
        takes_over=True,
    ),
    row(
        "many-upgraded",
        "another release comes machine by machine: new tables, a new format of the cache",
        LATER,
        upgraded_by_machine,
        10.0,
        around=another_release(has_tables=True),
        takes_over=True,
    ),
    row(
        "many-downgraded",
        "a machine of each kind gets another release, then its former one again",
        LATER,
        back_again,
        20.0,
        around=another_release(has_tables=False),
        takes_over=True,
    ),
    row(
        "many-api",
        "one of two APIs behind nginx: kill -9",
        RIGHT,
        _api_killed,
        settles=SOON,
        long=2.0,
        takes_over=True,
    ),
    row("many-ahead", "an MTA and a relay: the clock 5 s ahead", RIGHT, _nothing, around=_clocks(5)),
    row("many-back", "an MTA and a relay: the clock 5 s back", RIGHT, _nothing, around=_clocks(-5)),
    row("many-slow", "an MTA behind a line of 200 ms that loses 5 %", GRACE, _slow, 10.0),
)
