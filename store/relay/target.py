"""The relay's target, an interface to Redis. Every change is one atomic step that leaves alone what is newer.

Nothing is retried here: a caller may not know whether a step was done, and can do it again. Redis being away,
refusing or late is :class:`store.errors.CacheUnavailable`. Each write names what it rests on: see :class:`Basis`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from store.errors import CacheUnavailable
from store.relay.source import Change
from store.sql.outbox import Clock

CHUNK = 1000  # fields in one command: Redis serves nobody else meanwhile

Raw = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class State:
    """The state of a Redis at ``now_ms`` of its own clock: run id, policy, build and counters."""

    now_ms: int
    run_id: str
    policy: str  # maxmemory-policy
    is_built: bool = False
    built_run: str = ""  # the run id that it was built in
    epoch: str = ""
    applied: int = 0
    version: int = 0  # the highest that it has seen
    nonce: str = ""
    build: str = ""  # which rebuild it comes from
    trail: frozenset[int] = frozenset()  # what it had counted after each of the last applies
    floor: int = 0  # up to which count it cannot tell, and is believed

    def knows(self, mark: int) -> bool:
        """Return whether it came to this count after an apply, and has not gone back in time since."""
        return mark <= self.floor or mark in self.trail


class Outdated(CacheUnavailable):
    """The basis of a write no longer holds, and nothing was written: read the state again."""


@dataclass(frozen=True, slots=True)
class Basis:
    """The precondition of a write: build and counter of the Redis, read before SQL was.

    A writer that was stopped meanwhile may hold what SQL no longer knows, for the database was restored. So it is
    Outdated once the cache was built anew. And when Redis has counted less than ``counted``: it lost changes.
    """

    build: str
    counted: int = 0  # changes that this Redis must know of
    moment_ms: int = 0  # by Redis's clock, before SQL was read: much later the lease is in the way. 0: there is none


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Statistics for ``byname cache stat``: seconds that keys have left (None: no key), bytes, number of domains."""

    lease: float | None
    grace: float | None
    sender_grace: float | None
    memory: int
    hosted: int


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of changes: ``applied``, ``older``, ``load`` or ``rebuild`` each, and the counter afterwards."""

    counter: int
    outcomes: list[str]
    before: int  # the counter before


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair of one field: the value that was read (None: no field), and the value that it should have."""

    field: bytes
    seen: bytes | None
    value: bytes


@dataclass(frozen=True, slots=True)
class LeaseBasis:
    """The precondition of the lease: build, run id and counter, epoch and marks of SQL; the moment before it was read.

    A mark is what Redis had counted when a change was applied that is marked as such, or was applied in this step.
    """

    build: str
    run_id: str
    epoch: str
    counted: int
    marks: tuple[int, ...]
    moment_ms: int


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Times to live of lease, grace and sender grace, in seconds."""

    lease: float
    grace: float
    sender_grace: float


class Target(Protocol):
    """The interface to Redis. ``key`` is that of a hash of the layout.

    Every method may raise CacheUnavailable; Outdated each that takes a basis or a build, but for :meth:`stop`. What was
    only begun raises it when it is waited for: in :meth:`outcomes`, or in whatever is asked before.
    """

    writes: int  # how many of those that take a basis were done: Redis counts them too, an apply as more than one

    def state(self) -> State:
        """Return what it knows of itself; its clock is read before anything else."""
        ...

    def apply(self, basis: Basis, changes: Sequence[Change]) -> Applied:
        """Apply changes, all in one step."""
        ...

    def publish(self, version: int) -> None:
        """Publish that the cache has everything up to a version, and that the outbox says so."""
        ...

    def install(self, basis: Basis, domains: Mapping[str, Raw], clock: Clock) -> None:
        """Begin to put whole small hashes in, as of ``clock``; see :meth:`outcomes`."""
        ...

    def gather(self, token: str, fields: Raw) -> None:
        """Begin to gather fields of a large hash under a name of their own, where nobody reads."""
        ...

    def outcomes(self) -> list[str]:
        """Wait for what was begun; return what came of each hash, in order: ``applied``, ``present`` or ``older``."""
        ...

    def install_gathered(self, basis: Basis, domain: str, token: str, count: int, clock: Clock) -> str:
        """Put in what was gathered, in one step: ``applied`` and so on, or ``lost`` when some of it went away."""
        ...

    def sizes(self, domains: Sequence[str]) -> list[int]:
        """Return how many fields each domain's hash has."""
        ...

    def read_hashes(self, domains: Sequence[str]) -> list[Raw]:
        """Return all fields of small hashes."""
        ...

    def read_fields(self, key: str, fields: Sequence[bytes]) -> Raw:
        """Return those of the fields that are there."""
        ...

    def scan(self, key: str) -> Iterator[Raw]:
        """Return all fields of a large hash, some at a time; one that changes meanwhile may be missed."""
        ...

    def hashed_domains(self) -> Iterator[list[str]]:
        """Return the domains that have a hash, some at a time."""
        ...

    def repair(self, basis: Basis, key: str, repairs: Sequence[Repair], clock: Clock) -> int:
        """Put fields right that are still as they were seen, and return how many."""
        ...

    def seal(self, basis: Basis, key: str, clock: Clock, tombstones: Raw, least: int = 0) -> None:
        """Declare a hash of at ``least`` so many fields whole as of ``clock``, and forget tombstones that are older."""
        ...

    def drop(self, basis: Basis, domain: str) -> None:
        """Take away the hash of a domain that is not hosted."""
        ...

    def begin(self, token: str, build: str) -> str | None:
        """Begin a rebuild after ``build``: there is no lease until its end, and ``token`` is what writes rest on.

        Return the run id; None while another is under way.
        """
        ...

    def go_on(self, token: str) -> bool:
        """Show that the rebuild is alive; False when it is no longer ours."""
        ...

    def finish(self, token: str, run_id: str, clock: Clock, stored: int, counted: int) -> bool:
        """End a rebuild; False when Redis was emptied or replaced under it, or has ``counted`` fewer writes."""
        ...

    def renew(self, lease_basis: LeaseBasis, lifetimes: Lifetimes) -> bool:
        """Renew lease and graces; False for a Redis that is not the one that was built, or has lost something.

        Outdated also when something came in late meanwhile.
        """
        ...

    def stop(self, build: str) -> None:
        """Take the lease away, until a rebuild; not if it comes from another one than ``build`` by now."""
        ...
