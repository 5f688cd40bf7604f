"""A whole machine that is gone, with all that runs on it, as a row."""

from collections.abc import Iterator
from contextlib import contextmanager

from byname.sandbox.topology import SENTINEL_PORT
from byname.sandbox.waiting import greets, wait_until
from tests.faults.many_world import ManyWorld, can_change, is_level
from tests.faults.timeline import Timeline

_WITHIN = 30.0  # seconds


@contextmanager
def machine_lost(world: ManyWorld, timeline: Timeline) -> Iterator[None]:
    """Both primaries are gone at once. The sentinels promote Redis, an admin the standby, which has everything.

    The machine comes back as an admin brings one back: its PostgreSQL, which had been stopped, as a standby.
    """
    lost, other = world.many.databases()
    _lead(world, lost)
    with timeline.still():  # its store can be reached from here, through its socket, and by no mail machine
        wait_until(lambda: is_level(world, lost), _WITHIN, "a standby that has everything")
        timeline.killed()
        world.many.network.cut(lost)
        world.many.postgres[lost].kill()
        wait_until(lambda: world.many.primary() == other, _WITHIN, "a failover")
        world.many.postgres[other].promote()
        wait_until(lambda: can_change(world), _WITHIN, "a store that takes changes")
    yield
    with timeline.still():
        world.many.network.mend(lost)
        with world.many.machine(lost).inside():
            place = (world.many.plan.addresses[other], 5432)
            wait_until(lambda: greets(place, b""), _WITHIN, "a way to the other machine")
            world.many.postgres[lost].follow(place[0])
    world.wait_until_followed(lost, *world.many.mail)


def _lead(world: ManyWorld, place: str) -> None:
    """See that the Redis of a machine is the primary."""
    if world.many.primary() != place:
        ask = ("redis-cli", "-p", str(SENTINEL_PORT), "sentinel", "failover", "byname")
        world.many.run_at(world.many.plan.sentinels[-1], *ask)
        wait_until(lambda: world.many.primary() == place, _WITHIN, "a failover that was asked for")
        world.wait_until_in_step()
        world.wait_until_followed(*(name for name in world.many.redis if name != place), *world.many.mail)
