"""The relay's target in a real Redis: each method that writes is an operation of ``operations.lua``."""

from collections.abc import Mapping, Sequence
from typing import Any

import redis

from store.batches import batches
from store.relay.redis_reading import RedisReading
from store.relay.source import Change
from store.relay.target import CHUNK, Applied, Basis, Lifetimes, Raw, Repair, Vouched
from store.relay.wire import Command, Wire
from store.sql.outbox import Clock
from store.wire_format import layout
from store.wire_format.lease import lease_text
from store.wire_format.values import HOSTED, stamped

_GATHERED_SECONDS = 60


class RedisTarget(RedisReading):
    """The target in a real Redis; not for several threads at once."""

    writes = 0

    def __init__(self, pool: redis.ConnectionPool) -> None:
        super().__init__(Wire(pool))

    def _write(self, basis: Basis, calls: Sequence[Command]) -> list[Any]:
        """Run operations that are guarded, in one round trip."""
        answers = self._do_all(_resting_on(basis, calls))
        self.writes += len(calls)
        return answers

    def apply(self, basis: Basis, changes: Sequence[Change]) -> Applied:
        """See :class:`Target`."""
        words = [word for change in changes for word in (change.nonce, change.domain, change.field, change.value)]
        ((counter, outcomes),) = self._write(basis, [("apply", *words)])
        return Applied(counter, [outcome.decode() for outcome in outcomes])

    def tell(self, version: int) -> None:
        """See :class:`Target`."""
        self._ask([("PUBLISH", layout.LIVE_CHANNEL, version)])

    def install(self, basis: Basis, domains: Mapping[str, Raw], clock: Clock) -> None:
        """See :class:`Target`."""
        listed = stamped(clock.version, HOSTED)
        calls = [("install", domain, listed, clock.nonce, *_flat(raw)) for domain, raw in domains.items()]
        self._begin(self._operations(_resting_on(basis, calls)))
        self.writes += len(calls)

    def gather(self, token: str, fields: Raw) -> None:
        """See :class:`Target`."""
        key = _gathered(token)
        pieces = [("HSET", key, *_flat(dict(batch))) for batch in batches(fields.items(), CHUNK)]
        self._begin([*pieces, ("EXPIRE", key, _GATHERED_SECONDS)])

    def outcomes(self) -> list[str]:
        """See :class:`Target`."""
        self._collect()
        answers, self._answers = self._answers, []
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
        run_id: bytes | None = self._do("begin", token, build)
        return None if run_id is None else run_id.decode()

    def go_on(self, token: str) -> bool:
        """See :class:`Target`."""
        return bool(self._do("go_on", token))

    def finish(self, token: str, run_id: str, clock: Clock, stored: int, counted: int) -> bool:
        """See :class:`Target`."""
        return bool(self._do("finish", token, run_id, clock.epoch, clock.version, clock.nonce, stored, counted))

    def renew(self, vouched: Vouched, lives: Lifetimes) -> bool:
        """See :class:`Target`."""
        what = (vouched.build, vouched.run_id, vouched.epoch, vouched.stored, lease_text(vouched.run_id))
        times = [int(seconds * 1000) for seconds in (lives.lease, lives.grace, lives.sender_grace)]
        return bool(self._do("renew", *what, vouched.moment_ms, *times))

    def stop(self, build: str) -> None:
        """See :class:`Target`."""
        self._do("stop", build)


def _resting_on(basis: Basis, calls: Sequence[Command]) -> list[Command]:
    return [(*call, basis.build, basis.counted, basis.moment_ms) for call in calls]


def _flat(raw: Raw) -> list[bytes]:
    return [word for pair in raw.items() for word in pair]


def _gathered(token: str) -> str:
    return f"{layout.PREFIX}load:{token}"
