"""Bugs, each planted in one part of the simulation, which must find every one of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from store.errors import StoreUnavailable
from store.relay.source import Change, Pending
from store.relay.steps import Relay, Step
from store.relay.target import LeaseBasis, State
from store.sql.outbox import Clock
from store.wire_format.layout import PREFIX
from store.wire_format.lease import lease_text
from tests.faults.sim_clients import MemoryCache, MemoryTarget
from tests.faults.sim_operations import Operations, domain_key, is_gone
from tests.faults.sim_redis import STATE
from tests.faults.sim_sql import MemorySource
from tests.faults.simulation import EVENTS, FAIL_BACKS, RESTORES, Events, Parts


class _NoCompare(Operations):
    """An older change replaces a newer one."""

    def is_older(self, key: bytes, field: bytes, version: int) -> bool:
        return False


class _IgnoresARestore(Relay):
    """Goes on as if the database were the one that it was."""

    def _read_state(self) -> tuple[State, Pending, str | None]:
        state, found, reason = super()._read_state()
        return state, found, None if reason and "database" in reason else reason


class _AfterTheLastId(MemorySource):
    """Reads the rows after the last one that it has read, instead of those that are not applied."""

    last = 0

    def pending(self, limit: int, seen: int) -> Pending:
        found = super().pending(limit, seen)
        changes = [change for change in found.changes if change.id > self.last]
        self.last = max([self.last, *(change.id for change in changes)])
        return replace(found, changes=changes)


class _AsksForNoLease(MemoryCache):
    """Believes the cache whenever it answers."""

    def _exchange(self, command: tuple[str, ...]) -> tuple[Any, str | None]:
        replies, run_id = super()._exchange(command)
        replies[0][0] = lease_text(str(run_id)).encode()
        return replies, run_id


class _RenewsWithoutReading(Relay):
    """Keeps the lease alive while SQL is silent: nothing has changed, has it."""

    def step(self) -> Step:
        try:
            return super().step()
        except StoreUnavailable:
            state = self._target.state()
            self._target.renew(LeaseBasis(state.build, state.run_id, state.epoch, 0, (), state.now_ms), self.lifetimes)
            raise


class _BitByBit(Operations):
    """Makes the hash of a domain out of the one change that comes first."""

    def put(self, domain: bytes, field: bytes, value: bytes, version: int) -> bytes:
        if self.is_older(domain_key(domain), field, version):
            return b"older"
        self.write(domain_key(domain), field, value)
        return b"applied"


class _DeletesFirst(Operations):
    """Empties the cache for a rebuild."""

    def begin(self, token: bytes, build: bytes) -> Any:
        run_id = super().begin(token, build)
        if run_id is not None:
            for key in [key for key in self.redis.values if key.startswith(f"{PREFIX}d:".encode())]:
                self.redis.delete(key)
        return run_id


class _NoToken(Operations):
    """Takes what a relay brings that was stopped since before the cache was built anew."""

    def guard(self, build: bytes, counted: int) -> None:
        super().guard(self.read(STATE, b"build") or b"", counted)


class _NoTrail(Operations):
    """Keeps no trail: a Redis that went back in time is told by how much it has counted."""

    def leave_trail(self, applied: int, floor: bytes, counts: bytes) -> None:
        return


class _LostUnseen(_NoTrail):
    """Takes what a relay brings that saw more in the cache than there is; with a trail nobody vouches for that."""

    def nothing_lost(self, counted: int) -> None:
        return


class _TakesTheOvertaken(Operations):
    """Applies changes that a relay which looked later did not find."""

    def nobody_later(self, moment: int) -> None:
        return


class _NoTombstones(_TakesTheOvertaken):
    """Takes the field of a name that goes away out, and keeps nothing in its place.

    Those who look later guard against much of that; so without them.
    """

    def write(self, key: bytes, field: bytes, value: bytes) -> None:
        if is_gone(value):
            self.redis.hash(key).pop(field, None)
        else:
            super().write(key, field, value)


class _MarksWhateverIsThere(MemorySource):
    """Marks rows of a database that was restored since it was read."""

    def mark(self, changes: Sequence[Change], counter: int, seen: Clock) -> None:
        super().mark(changes, counter, self.sql.now.clock)


class _BuildsAgain(MemoryTarget):
    """Begins a rebuild whether or not there was another since."""

    def begin(self, token: str, build: str) -> str | None:
        return super().begin(token, self.state().build)


def _with(bug: type[Operations]) -> Callable[[], Parts]:
    class Target(MemoryTarget):
        operations = bug

    return lambda: Parts(target=Target)


def _by_one(bug: type[Operations]) -> Callable[[], Parts]:
    """The same, and each apply counts by one, as in a release before the trail."""

    class Target(MemoryTarget):
        operations = bug

        def random_step(self) -> int:
            return 1

    return lambda: Parts(target=Target)


BUGS: dict[str, Callable[[], Parts]] = {
    "no compare of versions": _with(_NoCompare),
    "a restored database is ignored": lambda: Parts(relay=_IgnoresARestore),
    "id > last": lambda: Parts(source=_AfterTheLastId),
    "no lease": lambda: Parts(cache=_AsksForNoLease),
    "lease renewed without reading SQL": lambda: Parts(relay=_RenewsWithoutReading),
    "no tombstones": _with(_NoTombstones),
    "hashes made bit by bit": _with(_BitByBit),
    "delete, then load": _with(_DeletesFirst),
    "no token of the build": _with(_NoToken),
    "no trail of the counts": _by_one(_NoTrail),
    "lost changes unseen by writers": _by_one(_LostUnseen),
    "overtaken changes are applied": _with(_TakesTheOvertaken),
    "one rebuild after the other": lambda: Parts(target=_BuildsAgain),
    "marks in a restored database": lambda: Parts(source=_MarksWhateverIsThere),
}

# Where to look first, for what the usual events seldom bring about: which events, and which seed.
WHERE: dict[str, tuple[Events, int]] = {
    "a restored database is ignored": (EVENTS, 12),
    "lease renewed without reading SQL": (EVENTS, 2),
    "hashes made bit by bit": (EVENTS, 59),
    "no tombstones": (EVENTS, 131),
    "no token of the build": (RESTORES, 543),
    "no trail of the counts": (FAIL_BACKS, 795),
    "lost changes unseen by writers": (FAIL_BACKS, 159),
    "marks in a restored database": (RESTORES, 450),
    "overtaken changes are applied": (RESTORES, 814),
}
