"""A deterministic simulation of SQL, outbox, relays, Redis and readers, with everything failing at any step.

The relay, its target, the rebuild, the audit, the encoding and the readers' rules are the shipped code; SQL, the Redis
server and the clock are in memory. A step is one call of one relay to SQL or Redis, or one event: a change, a
failure, some time. After each, a reader asks. The same seed gives the same run.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from store.errors import CacheUnavailable, StoreUnavailable
from store.relay.cache_audit import load_missing
from store.relay.rebuild import audit, rebuild
from store.relay.service import POLL
from store.relay.source import Change, Source
from store.relay.steps import Relay
from store.relay.target import Lifetimes, Target
from tests.faults.sim_actors import Actor
from tests.faults.sim_checks import GRACE_MS, LEASE_MS, SENDER_GRACE_MS, Broken, Checks, holds, in_sight
from tests.faults.sim_clients import MemoryCache, MemorySql, MemoryTarget, Network, Reader
from tests.faults.sim_redis import MemoryRedis, Time
from tests.faults.sim_sql import MemorySource, Sql

LIVES = Lifetimes(LEASE_MS / 1000, GRACE_MS / 1000, SENDER_GRACE_MS / 1000)
POLL_MS = round(POLL * 1000)
SETTLES_WITHIN = 1500  # steps, once nothing fails any more


@dataclass(frozen=True, slots=True)
class Parts:
    """What takes part; a planted bug is one of them replaced."""

    relay: type[Relay] = Relay
    source: type[MemorySource] = MemorySource
    target: type[MemoryTarget] = MemoryTarget
    cache: type[MemoryCache] = MemoryCache


class Found(AssertionError):
    """Something that must not be, at a step."""

    def __init__(self, seed: int, step: int, what: str) -> None:
        super().__init__(f"seed {seed}, step {step}: {what}")
        self.step = step


class Simulation:
    """One run."""

    def __init__(self, seed: int, parts: Parts | None = None, events: "Events | None" = None) -> None:
        """Begin; ``events`` are what happens and how often, if not the usual."""
        self._events = EVENTS if events is None else events
        self.seed, self.parts = seed, parts or Parts()
        self.rng = random.Random(seed)
        self.time = Time()
        self.sql = Sql(self.time, self.rng)
        self.network = Network(MemoryRedis(self.time), self.rng)
        self.sql.is_lost = lambda change: change in self._in_flight and not holds(self.network.master, change)
        self.reader = Reader(self.parts.cache(self.network), MemorySql(self.sql))
        self.checks = Checks(self.sql, self.reader, self.rng)
        self.steps = 0
        self._runs = 0
        self._in_flight: list[Change] = []  # applied, not marked, and then lost
        self._backup, self._replica = self.sql.backup(), self.network.master.fork("")
        self._relays = [Actor(self._work) for _ in range(self.rng.choice((1, 2, 3, 3)))]
        self._frozen: dict[Actor, int] = {}  # until which step
        self._asleep: dict[Actor, int] = {}  # until which time
        self._running: Actor | None = None
        self._is_settling = False
        self._ends: list[tuple[int, Callable[[], None]]] = []  # of failures: at which step, and what then

    def run(self, steps: int) -> None:
        """Go so many steps with failures, and then on without until all is well.

        Raises:
            Found: it is not.
        """
        try:
            for _ in range(steps):
                self._checked(self._step)
            self._settle()
        finally:
            for relay in self._relays:
                relay.kill()

    def _checked(self, step: Callable[[], None]) -> None:
        self.steps += 1
        try:
            step()
            self.checks.look()
        except Broken as error:
            raise Found(self.seed, self.steps, str(error)) from error

    def _step(self) -> None:
        for end in [end for end in self._ends if end[0] <= self.steps]:
            self._ends.remove(end)
            end[1]()
        if self.rng.random() < 0.94:
            self._relay_step()
            return
        (event,) = self.rng.choices([one for one, _ in self._events], [weight for _, weight in self._events])
        event(self)

    def _relay_step(self) -> None:
        awake = [one for one in self._relays if self._frozen.get(one, 0) <= self.steps]
        free = [one for one in awake if self._asleep.get(one, 0) <= self.time.now_ms] or awake[:1]
        if free:
            before = in_sight(self.network.master)
            self._running = self.rng.choice(free)
            self.sql.was_read = False
            self._running.go()
            if self.sql.was_read and len(self._relays) > 1 and self.rng.random() < 0.15 and not self._is_settling:
                self._frozen[self._running] = self.steps + self.rng.choice((20, 40, 80))  # and others overtake it
            if before and not in_sight(self.network.master):
                raise Broken("a relay took a name away that was there all the time")
            if self.network.master.is_rebuilt_for_nothing:
                raise Broken("a rebuild began over a cache that was whole")
        self.time.now_ms += self.rng.choice((0, 1, 1, 5))

    def _settle(self) -> None:
        """Let nothing fail any more, and expect that the cache comes to what SQL says."""
        for end in (self._sql_answers, self._redis_answers, self._replies_arrive):
            end()
        self._frozen.clear()
        self._is_settling = True
        for number in range(SETTLES_WITHIN):
            self._checked(self._relay_step)
            self.time.now_ms += 10
            if number % 50 == 49:
                with suppress(Broken):
                    self.checks.everything()
                    return
        try:
            self.checks.everything()
        except Broken as error:
            raise Found(self.seed, self.steps, f"after {SETTLES_WITHIN} quiet steps: {error}") from error

    def _work(self, before_step: Callable[[], None]) -> None:
        """A relay's life, from the start of its process to its end."""
        source, target = self.parts.source(self.sql, before_step), self.parts.target(self.network, before_step)
        relay = self.parts.relay(source, target, LIVES)
        while True:
            before_step()
            is_idle = True
            with suppress(StoreUnavailable, CacheUnavailable):
                is_idle = self._once(relay, source, target)
            if is_idle and self._running is not None:
                self._asleep[self._running] = self.time.now_ms + POLL_MS

    def _once(self, relay: Relay, source: Source, target: Target) -> bool:
        """Do what the relay's loop does; return whether it may sleep now."""
        step = relay.step()
        if step.distrust is not None:
            for _ in rebuild(source, target, step.state.build):
                pass
        elif step.is_all and self.rng.random() < 0.08:
            for _ in audit(source, target, repairs=True):
                pass
        elif step.is_all and self.rng.random() < 0.1:
            load_missing(source, target)
        return step.is_all and step.distrust is None

    def _later(self, end: Callable[[], None]) -> None:
        self._ends.append((self.steps + self.rng.choice((5, 30, 100)), end))

    def _lease_ends(self) -> None:
        self.time.now_ms += LEASE_MS

    def _sql_answers(self) -> None:
        self.sql.is_up = True

    def _redis_answers(self) -> None:
        self.network.is_up = True

    def _replies_arrive(self) -> None:
        self.network.loss = 0.0

    # Events.

    def change(self) -> None:
        self.sql.commit()
        if self.rng.random() < 0.7:
            self._asleep.clear()  # it wakes them

    def wait(self) -> None:
        self.time.now_ms += self.rng.choice((50, 300, 1000, 2500, 6000, 12_000))

    def sql_falls_silent(self) -> None:
        self.sql.is_up = False
        self._later(self._sql_answers)

    def sql_stays_silent(self) -> None:
        """It is silent for us, while others change it, until every lease is over."""
        self.sql.is_up = False
        self._ends += [
            (self.steps + 10, self.change),
            (self.steps + 40, self._lease_ends),
            (self.steps + 80, self._sql_answers),
        ]

    def redis_falls_silent(self) -> None:
        self.network.is_up = False
        self._later(self._redis_answers)

    def replies_get_lost(self) -> None:
        self.network.loss = 0.1
        self._later(self._replies_arrive)

    def back_up(self) -> None:
        self._backup = self.sql.backup()

    def restore(self) -> None:
        """An older copy, under relays that go on with what they have read before, and often one that is stopped."""
        if self.rng.random() < 0.7:
            self.freeze()
        self.sql.restore(self._backup)

    def freeze(self) -> None:
        """A relay stops in the middle of what it does, if one does something."""
        busy = [one for one in self._relays if self._asleep.get(one, 0) <= self.time.now_ms]
        self._frozen[self.rng.choice(busy or self._relays)] = self.steps + self.rng.choice((10, 30, 60, 200))

    def kill(self) -> None:
        self._start_anew(self.rng.randrange(len(self._relays)))

    def _start_anew(self, at: int) -> None:
        self._relays[at].kill()
        self._relays[at] = Actor(self._work)

    def evict(self) -> None:
        self.network.master.evict(self.rng)

    def flush(self) -> None:
        self.network.master.values.clear()
        self.network.master.ends.clear()

    def replicate(self) -> None:
        self._replica = self.network.master.fork("")

    def _next_run(self) -> str:
        self._runs += 1
        return f"run{self._runs}"

    def fail_over(self) -> None:
        """The replica takes over, as far as it had come; or a restart from the last snapshot."""
        self.network.master = self._replica.fork(self._next_run())

    def fail_back(self) -> None:
        """A failover there and back that nobody notices: the same run, without its last writes.

        What was reported live may be away, for as long as the lease goes, and so may what is reported right after.
        """
        before, self.network.master = self.network.master, self._replica.fork(self.network.master.run_id)
        waiting = [row.change for row in self.sql.now.rows.values() if not row.is_applied]
        self._in_flight += [change for change in waiting if holds(before, change)]
        self.sql.live = {}

    def restart_empty(self) -> None:
        self.network.master = MemoryRedis(self.time, self._next_run())


Events = tuple[tuple[Callable[[Simulation], None], int], ...]

EVENTS: Events = (
    (Simulation.change, 60),
    (Simulation.wait, 20),
    (Simulation.sql_falls_silent, 4),
    (Simulation.sql_stays_silent, 2),
    (Simulation.redis_falls_silent, 1),
    (Simulation.replies_get_lost, 1),
    (Simulation.back_up, 6),
    (Simulation.restore, 4),
    (Simulation.freeze, 12),
    (Simulation.kill, 3),
    (Simulation.evict, 5),
    (Simulation.flush, 1),
    (Simulation.replicate, 8),
    (Simulation.fail_over, 2),
    (Simulation.fail_back, 1),
    (Simulation.restart_empty, 1),
)

# For what seldom meets otherwise: a restore, or a failover there and back, within one relay's step.
RESTORES: Events = (
    (Simulation.change, 60),
    (Simulation.wait, 10),
    (Simulation.back_up, 20),
    (Simulation.restore, 20),
    (Simulation.freeze, 10),
)
FAIL_BACKS: Events = (
    (Simulation.change, 60),
    (Simulation.wait, 5),
    (Simulation.replicate, 20),
    (Simulation.fail_back, 20),
    (Simulation.freeze, 10),
)
