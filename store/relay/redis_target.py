"""The relay's target in a real Redis: what writes is an operation of ``operations.lua``, what reads a plain command."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis

from store.batches import batches
from store.relay import redis_replies as replies
from store.relay.redis_link import Command, PipelinedConnection, RedisLink
from store.relay.redis_replies import info, pairs
from store.relay.source import Change
from store.relay.target import CHUNK, Applied, Basis, CacheStats, LeaseBasis, Lifetimes, Raw, Repair, State
from store.sql.outbox import Clock
from store.wire_format import layout
from store.wire_format.lease import lease_text
from store.wire_format.values import HOSTED, stamped

_GATHERED_SECONDS = 60
_LONGEST_STEP = 2**16  # Lua is exact up to 2**53: 87 years of a hundred applies a second


class RedisTarget:
    """The target in a real Redis; not for several threads at once. All of it may raise CacheUnavailable."""

    writes = 0

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._link = RedisLink(PipelinedConnection(pool))

    def close(self) -> None:
        """Close the connections."""
        self._link.close()

    def _write(self, basis: Basis, calls: Sequence[Command]) -> list[Any]:
        """Run operations that are guarded, in one round trip."""
        answers = self._link.do_all(_resting_on(basis, calls))
        self.writes += len(calls)
        return answers

    def apply(self, basis: Basis, changes: Sequence[Change]) -> Applied:
        """See :class:`Target`."""
        args = [arg for change in changes for arg in (change.nonce, change.domain, change.field, change.value)]
        step = self.random_step()
        ((counter, outcomes),) = self._write(basis, [("apply", *args, step)])
        return Applied(counter, [outcome.decode() for outcome in outcomes], counter - step)

    def random_step(self) -> int:
        """Return by how much the next apply counts: in two histories of one Redis not by the same."""
        return secrets.randbelow(_LONGEST_STEP) + 1

    def publish(self, version: int) -> None:
        """See :class:`Target`."""
        self._link.ask([("PUBLISH", layout.LIVE_CHANNEL, version)])

    def install(self, basis: Basis, domains: Mapping[str, Raw], clock: Clock) -> None:
        """See :class:`Target`."""
        listed = stamped(clock.version, HOSTED)
        calls = [("install", domain, listed, clock.nonce, *_flat(raw)) for domain, raw in domains.items()]
        self._link.begin(self._link.operations(_resting_on(basis, calls)))
        self.writes += len(calls)

    def gather(self, token: str, fields: Raw) -> None:
        """See :class:`Target`."""
        key = _gathered(token)
        pieces = [("HSET", key, *_flat(dict(batch))) for batch in batches(fields.items(), CHUNK)]
        self._link.begin([*pieces, ("EXPIRE", key, _GATHERED_SECONDS)])

    def outcomes(self) -> list[str]:
        """See :class:`Target`."""
        answers = self._link.taken()
        return [answer.decode() for answer in answers if isinstance(answer, bytes)]  # numbers are of what was gathered

    def install_gathered(self, basis: Basis, domain: str, token: str, count: int, clock: Clock) -> str:
        """See :class:`Target`."""
        listed = stamped(clock.version, HOSTED)
        (answer,) = self._write(basis, [("install_gathered", domain, listed, clock.nonce, _gathered(token), count)])
        return str(answer, "ascii")

    def repair(self, basis: Basis, key: str, repairs: Sequence[Repair], clock: Clock) -> int:
        """See :class:`Target`."""
        calls = [
            ("repair", key, clock.nonce, *(w for one in batch for w in (one.field, one.seen or b"", one.value)))
            for batch in batches(repairs, CHUNK)
        ]
        return sum(self._write(basis, calls))

    def seal(self, basis: Basis, key: str, clock: Clock, tombstones: Raw, least: int = 0) -> None:
        """See :class:`Target`."""
        whole = stamped(clock.version, HOSTED)
        self._write(basis, [("seal", key, whole, least)])
        for batch in batches(tombstones.items(), CHUNK):
            self._write(basis, [("seal", key, whole, least, *_flat(dict(batch)))])
            least -= len(batch)

    def drop(self, basis: Basis, domain: str) -> None:
        """See :class:`Target`."""
        self._write(basis, [("drop", domain)])

    def begin(self, token: str, build: str) -> str | None:
        """See :class:`Target`."""
        run_id: bytes | None = self._link.do("begin", token, build)
        return None if run_id is None else run_id.decode()

    def go_on(self, token: str) -> bool:
        """See :class:`Target`."""
        return bool(self._link.do("go_on", token))

    def finish(self, token: str, run_id: str, clock: Clock, stored: int, counted: int) -> bool:
        """See :class:`Target`."""
        return bool(self._link.do("finish", token, run_id, clock.epoch, clock.version, clock.nonce, stored, counted))

    def renew(self, lease_basis: LeaseBasis, lifetimes: Lifetimes) -> bool:
        """See :class:`Target`."""
        what = (
            lease_basis.build,
            lease_basis.run_id,
            lease_basis.epoch,
            lease_basis.counted,
            " ".join(map(str, lease_basis.marks)),
            lease_text(lease_basis.run_id),
        )
        times = [int(seconds * 1000) for seconds in (lifetimes.lease, lifetimes.grace, lifetimes.sender_grace)]
        return bool(self._link.do("renew", *what, lease_basis.moment_ms, *times))

    def stop(self, build: str) -> None:
        """See :class:`Target`."""
        self._link.do("stop", build)

    def state(self) -> State:
        """See :class:`Target`."""
        wanted = [("TIME",), ("HGETALL", layout.STATE_KEY), ("INFO", "server"), ("INFO", "memory")]
        time, known, server, memory = self._link.ask(wanted)
        return replies.state(int(time[0]) * 1000 + int(time[1]) // 1000, known, server, memory)

    def sizes(self, domains: Sequence[str]) -> list[int]:
        """See :class:`Target`."""
        found = self._link.ask([("HLEN", layout.domain_key(domain)) for domain in domains])
        return [size if isinstance(size, int) else 0 for size in found]

    def read_hashes(self, domains: Sequence[str]) -> list[Raw]:
        """See :class:`Target`."""
        found = self._link.ask([("HGETALL", layout.domain_key(domain)) for domain in domains])
        return [pairs(raw) for raw in found]

    def read_fields(self, key: str, fields: Sequence[bytes]) -> Raw:
        """See :class:`Target`."""
        if not fields:
            return {}
        (found,) = self._link.ask([("HMGET", key, *fields)])
        values = [None] * len(fields) if isinstance(found, Exception) else found
        return {field: value for field, value in zip(fields, values, strict=True) if value is not None}

    def scan(self, key: str) -> Iterator[Raw]:
        """See :class:`Target`."""
        cursor = b"0"
        while True:
            (found,) = self._link.ask([("HSCAN", key, cursor, "COUNT", CHUNK)])
            if isinstance(found, Exception):  # no hash
                return
            cursor, raw = found
            yield pairs(raw)
            if int(cursor) == 0:
                return

    def hashed_domains(self) -> Iterator[list[str]]:
        """See :class:`Target`."""
        start = layout.domain_key("")
        cursor = b"0"
        while True:
            ((cursor, keys),) = self._link.ask([("SCAN", cursor, "MATCH", f"{start}*", "COUNT", CHUNK)])
            yield [key.decode("ascii", "replace").removeprefix(start) for key in keys]
            if int(cursor) == 0:
                return

    def stats(self) -> CacheStats:
        """Return what ``byname cache stat`` shows besides the state."""
        keys = (layout.LEASE_KEY, layout.GRACE_KEY, layout.SENDER_GRACE_KEY)
        wanted = [*(("PTTL", key) for key in keys), ("INFO", "memory"), ("HLEN", layout.HOSTED_KEY)]
        *lifetimes, memory, hosted = self._link.ask(wanted)
        lease, grace, sender_grace = (life / 1000 if life >= 0 else None for life in lifetimes)
        whole = max(0, hosted - 1) if isinstance(hosted, int) else 0  # without @l
        return CacheStats(lease, grace, sender_grace, int(info(memory).get("used_memory", 0)), whole)


def _resting_on(basis: Basis, calls: Sequence[Command]) -> list[Command]:
    return [(*call, basis.build, basis.counted, basis.moment_ms) for call in calls]


def _flat(raw: Raw) -> list[bytes]:
    return [arg for pair in raw.items() for arg in pair]


def _gathered(token: str) -> str:
    return f"{layout.PREFIX}load:{token}"
