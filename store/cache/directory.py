"""The Redis directory: answers a look-up in one round trip, as evidence only while the lease is valid.

A look-up is one read-only script, so lease and values are of one moment: a flush, a rebuild or a new lease between two
commands could make absence look like evidence. MULTI would do too, but takes half as long again (measured: 108 us for
62) and is refused while Redis is out of memory. Whatever is wrong in any way, a missing or damaged value, a wrong type,
an error reply, silence, is :class:`NoEvidence`, never an answer.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import redis

from routing.address import Address
from routing.directory import AffirmedFacts, LookupFailed
from routing.people import account_of
from routing.records import HostedDomain
from store.cache.cluster import ClusterDown, ClusterMode, NoCluster, SlotMoved
from store.cache.connection import open_pool
from store.cache.redis_sockets import MOST, Command, KeptConnections, Reply
from store.wire_format import layout
from store.wire_format.lease import holds

TIMEOUT = 0.25  # seconds; later is silence (docs/design.md, section 6)
WORKERS = 8  # that open connections and ask over them; more make a Python process no faster
_BETWEEN_DOUBTS = 1.0  # seconds

Facts = Mapping[str, HostedDomain]
Holds = Callable[[bytes | None, str | None], bool]
Names = Mapping[str, Collection[str]]  # the wanted local parts of each domain

# KEYS: lease and graces, then hashes. ARGV: for each hash the number of its wanted fields, and the fields.
LOOKUP_SCRIPT = """
local found, at = {redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])}, 1
for i = 4, #KEYS do
  local last = at + tonumber(ARGV[at])
  found[#found + 1] = redis.call('HMGET', KEYS[i], unpack(ARGV, at + 1, last))
  at = last + 1
end
return found
"""
LEASE_SCRIPT = "return {redis.call('PTTL', KEYS[1]), redis.call('GET', KEYS[1])}"

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (redis.TimeoutError, "timeout"),
    (redis.BusyLoadingError, "loading"),
    (redis.AuthenticationError, "denied"),
    (redis.exceptions.AuthorizationError, "denied"),
    (redis.exceptions.NoPermissionError, "denied"),
    (ClusterMode, "cluster"),
    (NoCluster, "no-cluster"),
    (SlotMoved, "moved"),
    (ClusterDown, "cluster-down"),
    (redis.ConnectionError, "unreachable"),
    (layout.Unreadable, "damaged"),
)


class NoEvidence(Exception):
    """Redis gave no evidence. ``reason`` is a token for logs and metrics; the cause is chained."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one round trip."""

    facts: Facts
    is_fresh: bool  # the lease is there: the facts are evidence for everything
    may_deliver: bool  # the grace lasts: what the facts affirm holds while SQL is silent
    may_send: bool  # the same for permissions

    def affirmed(self) -> AffirmedFacts | None:
        """Return the facts as they hold under grace; None when there is no grace."""
        return AffirmedFacts(self.facts, may_send=self.may_send) if self.may_deliver else None


_NOTHING = Answer({}, is_fresh=True, may_deliver=True, may_send=True)  # nothing was asked


class RedisDirectory:
    """The Redis directory: a :class:`routing.directory.Directory`; safe to share between threads."""

    def __init__(self, pool: redis.ConnectionPool, holds: Holds = holds, script: str = LOOKUP_SCRIPT) -> None:
        """``holds`` judges the lease that ``script`` read, and the run id of the server that it was read from."""
        self._script = script
        self._lines = KeptConnections(pool)
        self._holds = holds
        self._look_again = 0.0  # when, on the monotonic clock

    @classmethod
    def open(cls, url: str) -> "RedisDirectory":
        """Return the directory in the Redis at ``url``; it connects when it is first asked. Raises StoreNotReady."""
        return cls(open_pool(url, timeout=TIMEOUT, connections=MOST))

    def lookup(self, wanted: Collection[Address]) -> Facts:
        """Answer from Redis, with fresh facts or not at all.

        Raises:
            LookupFailed: Redis did not answer, or nobody vouches for what it says.
        """
        try:
            answer = self.read(wanted)
        except NoEvidence as error:
            raise LookupFailed(f"the cache gave no evidence: {error.reason}") from error
        if not answer.is_fresh:
            raise LookupFailed("the cache has no lease")
        return answer.facts

    def affirmed(self, wanted: Collection[Address]) -> AffirmedFacts:
        """Answer with what Redis affirms under grace.

        Raises:
            LookupFailed: Redis did not answer, or the grace is over.
        """
        try:
            facts = self.read(wanted).affirmed()
        except NoEvidence as error:
            raise LookupFailed(f"the cache gave no evidence: {error.reason}") from error
        if facts is None:
            raise LookupFailed("the cache has no grace")
        return facts

    def read(self, wanted: Collection[Address]) -> Answer:
        """Return what Redis knows, and what that is worth.

        Raises:
            NoEvidence: it is silent, refuses, or holds something damaged.
        """
        names = _by_domain(wanted)
        return self._read(names, lambda: self._exchange(self._question(names))) or _NOTHING

    def read_at_once(self, wanted: Collection[Address]) -> Answer | None:
        """The same over a connection that is open already, which keeps the timeout as a whole; None without one.

        Raises:
            NoEvidence: as above.
        """
        names = _by_domain(wanted)
        return self._read(names, lambda: self._lines.at_once(self._question(names), TIMEOUT))

    def _read(self, names: Names, exchange: Callable[[], Reply | None]) -> Answer | None:
        if not names:
            return _NOTHING
        try:
            reply = exchange()
            answer = reply and _answer(names, *reply, self._holds)
        except Exception as error:  # whatever answers there, and however, is no evidence
            raise NoEvidence(reason_of(error)) from error
        if answer and not answer.is_fresh:
            self._doubt()
        return answer

    def lease_left(self) -> float | None:
        """Return for how many seconds the lease is still good; None when there is none. Raises NoEvidence."""
        try:
            (left, lease), run_id = self._exchange(("EVAL_RO", LEASE_SCRIPT, "1", layout.LEASE_KEY))
            return left / 1000 if self._holds(lease, run_id) else None
        except Exception as error:
            raise NoEvidence(reason_of(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self._lines.close()

    def _doubt(self) -> None:
        """Connect anew, once a second at most: this may be a former master, and the name may lead elsewhere by now."""
        now = monotonic()
        if now >= self._look_again:
            self._look_again = now + _BETWEEN_DOUBTS
            self._lines.hang_up()

    def _question(self, names: Names) -> tuple[str, ...]:
        """Ask who vouches, which of the domains are hosted, and each domain for its wanted names."""
        hashes = {layout.HOSTED_KEY: [layout.WHOLE, *names]}
        for domain, locals_ in names.items():
            hashes[layout.domain_key(domain)] = [layout.DOMAIN, layout.CATCH_ALL, *map(layout.field_of, locals_)]
        keys = [layout.LEASE_KEY, layout.GRACE_KEY, layout.SENDER_GRACE_KEY, *hashes]
        fields = [arg for wanted in hashes.values() for arg in (str(len(wanted)), *wanted)]
        return "EVAL_RO", self._script, str(len(keys)), *keys, *fields

    def _exchange(self, command: Command) -> Reply:
        """Return the reply to a command, and the run id of who replied."""
        return self._lines.ask(command, TIMEOUT)


def _by_domain(wanted: Iterable[Address]) -> Names:
    """Sort the wanted names; what no domain can be called is not hosted, and no question."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for address in wanted:
        if account_of(address.domain) is not None or _may_be_a_domain(address.domain):
            names[address.domain].add(address.local)
    return names


def _may_be_a_domain(name: str) -> bool:
    return name.isascii() and name.isprintable() and not name.startswith("@")


def _answer(names: Names, replies: Any, run_id: str | None, holds: Holds) -> Answer:
    (lease, grace, sender_grace), (whole, *listed), *domains = replies
    is_fresh = holds(lease, run_id)
    if not is_fresh and grace is None:  # nobody vouches: whatever the rest is, it proves nothing
        return Answer({}, is_fresh=False, may_deliver=False, may_send=False)
    facts = {
        name: layout.assemble(name, domain[0], domain[1], dict(zip(names[name], domain[2:], strict=True)))
        for name, flag, domain in zip(names, listed, domains, strict=True)
        if layout.is_hosted(flag, whole)
    }
    return Answer(facts, is_fresh=is_fresh, may_deliver=grace is not None, may_send=sender_grace is not None)


def reason_of(error: Exception) -> str:
    """Return why a Redis gave no evidence, as logs and metrics call it."""
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "error")
