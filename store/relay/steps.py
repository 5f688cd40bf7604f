"""A step of the relay: apply pending outbox rows to the cache and renew the lease (docs/design.md, sections 6 and 7).

A step is: ask Redis what it is; read what is not applied; apply it; mark it; renew the lease from the moment before
that read. Any of it may fail or be cut short at any place: nothing is lost, for a row stays until it is marked, and
nothing is done twice, for an older or equal version changes nothing. All that a step writes rests on what it has read
at its beginning: once that is no longer so, because somebody rebuilt the cache or it lost something, Redis refuses it.

What a failure shows: the lease is not renewed, runs out, and the milters ask SQL themselves.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from store.errors import CacheUnavailable
from store.relay.rebuild import basis_of, load
from store.relay.source import Change, Pending, Source
from store.relay.target import Basis, LeaseBasis, Lifetimes, Outdated, State, Target

BATCH = 500  # outbox rows in one step
_ROUNDS = 3  # attempts to apply a change to a domain that had to be loaded first

Doubt = Callable[[State, Pending], bool]
_LOST = "it has lost changes"


def _has_lost(state: State, found: Pending) -> bool:
    return not all(map(state.knows, found.marks))


# Why a Redis cannot be trusted as it is. The first reason that holds is reported.
_DISTRUST: tuple[tuple[str, Doubt], ...] = (
    ("it was never built, or was emptied", lambda state, _: not state.is_built),
    ("it is another Redis than was built, or was restarted", lambda state, _: state.run_id != state.built_run),
    ("the database is another one, or was restored", lambda state, found: state.epoch != found.clock.epoch),
    ("the database was restored", lambda state, found: state.version > found.clock.version),
    ("the database was restored and changed", lambda state, found: state.nonce != found.nonce),
    (_LOST, _has_lost),
)


@dataclass(frozen=True, slots=True)
class Step:
    """The result of a step."""

    state: State
    applied: Sequence[Change] = ()
    is_all: bool = True  # False: more waits
    is_leased: bool = False
    distrust: str | None = None  # why there must be a rebuild first
    version: int = 0  # up to which the outbox was read


class Relay:
    """The relay between one source and one target."""

    def __init__(self, source: Source, target: Target, lifetimes: Lifetimes) -> None:
        self._source = source
        self._target = target
        self.lifetimes = lifetimes

    def step(self) -> Step:
        """Do one step.

        Raises:
            StoreUnavailable, StoreNotReady, CacheUnavailable: it could not be finished.
        """
        state, found, reason = self._read_state()
        if reason is not None:  # another relay may have changed both between the two reads
            state, found, reason = self._read_state()
        if reason is not None:
            return self._distrust(state, found, reason)
        try:
            return self._bring(state, found)
        except Outdated:
            return Step(state, is_all=False)

    def _bring(self, state: State, found: Pending) -> Step:
        done, basis, marks = self._apply(found, _basis(state, found))
        is_all = found.is_all and len(done) == len(found.changes)
        if is_all and done:
            with suppress(CacheUnavailable):  # they look themselves
                self._target.publish(found.clock.version)
        if not (is_all and is_safe(state.policy)):
            return Step(state, done, is_all, version=found.clock.version)
        if self._target.renew(_lease_basis(state, found, basis, marks), self.lifetimes):
            return Step(state, done, is_leased=True, version=found.clock.version)
        self._target.stop(state.build)  # the list of domains is gone, or what we have just read is no longer so
        return Step(state, done, distrust="it refuses the lease: a part of it is missing")

    def _distrust(self, state: State, found: Pending, reason: str) -> Step:
        """Stop trusting Redis; not for lost changes that it has after all.

        Then another relay applied and marked them between our two reads, twice.
        """
        if reason == _LOST and not _has_lost(now := self._target.state(), found):
            return Step(now, is_all=False)
        self._target.stop(state.build)
        return Step(state, distrust=reason)

    def _read_state(self) -> tuple[State, Pending, str | None]:
        """Read Redis, then SQL; return why the first cannot be trusted, if so."""
        state = self._target.state()
        found = self._source.pending(BATCH, state.version)
        return state, found, next((reason for reason, holds in _DISTRUST if holds(state, found)), None)

    def _apply(self, found: Pending, basis: Basis) -> tuple[list[Change], Basis, tuple[int, ...]]:
        """Apply and mark changes; return those that the cache holds now, and what the rest of the step rests on.

        That is also what the cache had counted after each apply, of this step and of those that SQL has marked last.
        """
        left, done, marks = found.changes, list[Change](), found.marks
        for _ in range(_ROUNDS):
            if not left:
                break
            result = self._target.apply(basis, left)
            if "older" in result.outcomes and result.before > basis.counted:
                raise Outdated("another relay wrote since the state was read, perhaps from before a restore")
            basis, marks = replace(basis, counted=result.counter), (*marks, result.counter)
            settled = [c for c, outcome in zip(left, result.outcomes, strict=True) if outcome in {"applied", "older"}]
            self._source.mark(settled, result.counter, found.clock)
            done += settled
            ids = {change.id for change in settled}
            left = [change for change in left if change.id not in ids]
            is_listed = "rebuild" not in result.outcomes
            if left and is_listed:
                is_listed = load(self._source, self._target, basis, found.clock, {change.domain for change in left})
            if not is_listed:
                self._target.stop(basis.build)
                break
        return done, basis, marks


def _basis(state: State, found: Pending) -> Basis:
    basis = basis_of(state)
    return replace(basis, counted=max(basis.counted, found.stored))


def _lease_basis(state: State, found: Pending, basis: Basis, marks: tuple[int, ...]) -> LeaseBasis:
    return LeaseBasis(state.build, state.run_id, found.clock.epoch, basis.counted, marks, state.now_ms)


def is_safe(policy: str) -> bool:
    """Return whether a Redis with this maxmemory-policy may have the lease.

    What ``allkeys-*`` drops are whole keys, and a missing key is no evidence, so no mail would go wrong. But such a
    Redis also drops domains as fast as they are loaded, and grace with them: it is set up wrong, and must not look
    right. ``volatile-*`` can only drop lease and graces.
    """
    return not policy.startswith("allkeys")
