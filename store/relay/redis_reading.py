"""What the relay reads of a real Redis: plain commands, whose replies are taken as they come."""

from collections.abc import Iterator, Sequence
from typing import Any

from store.relay.redis_link import RedisLink
from store.relay.target import CHUNK, Raw, State, Vitals
from store.wire_format import layout


class RedisReading(RedisLink):
    """The reading half of :class:`store.relay.redis_target.RedisTarget`."""

    def state(self) -> State:
        """See :class:`Target`."""
        wanted = [("TIME",), ("HGETALL", layout.STATE_KEY), ("INFO", "server"), ("INFO", "memory")]
        time, known, server, memory = self._ask(wanted)
        return _state(int(time[0]) * 1000 + int(time[1]) // 1000, known, server, memory)

    def sizes(self, domains: Sequence[str]) -> list[int]:
        """See :class:`Target`."""
        found = self._ask([("HLEN", layout.domain_key(domain)) for domain in domains])
        return [size if isinstance(size, int) else 0 for size in found]

    def whole(self, domains: Sequence[str]) -> list[Raw]:
        """See :class:`Target`."""
        found = self._ask([("HGETALL", layout.domain_key(domain)) for domain in domains])
        return [_pairs(raw) for raw in found]

    def some(self, key: str, fields: Sequence[bytes]) -> Raw:
        """See :class:`Target`."""
        if not fields:
            return {}
        (found,) = self._ask([("HMGET", key, *fields)])
        values = [None] * len(fields) if isinstance(found, Exception) else found
        return {field: value for field, value in zip(fields, values, strict=True) if value is not None}

    def scan(self, key: str) -> Iterator[Raw]:
        """See :class:`Target`."""
        cursor = b"0"
        while True:
            (found,) = self._ask([("HSCAN", key, cursor, "COUNT", CHUNK)])
            if isinstance(found, Exception):  # no hash
                return
            cursor, raw = found
            yield _pairs(raw)
            if int(cursor) == 0:
                return

    def present(self) -> Iterator[list[str]]:
        """See :class:`Target`."""
        start = layout.domain_key("")
        cursor = b"0"
        while True:
            ((cursor, keys),) = self._ask([("SCAN", cursor, "MATCH", f"{start}*", "COUNT", CHUNK)])
            yield [key.decode("ascii", "replace").removeprefix(start) for key in keys]
            if int(cursor) == 0:
                return

    def vitals(self) -> Vitals:
        """Return what ``byname cache stat`` shows besides the state."""
        keys = (layout.LEASE_KEY, layout.GRACE_KEY, layout.SENDER_GRACE_KEY)
        wanted = [*(("PTTL", key) for key in keys), ("INFO", "memory"), ("HLEN", layout.HOSTED_KEY)]
        *lives, memory, hosted = self._ask(wanted)
        lease, grace, sender_grace = (life / 1000 if life >= 0 else None for life in lives)
        whole = max(0, hosted - 1) if isinstance(hosted, int) else 0  # without @l
        return Vitals(lease, grace, sender_grace, int(_info(memory).get("used_memory", 0)), whole)


def _state(now_ms: int, known: Any, server: Any, memory: Any) -> State:
    raw = {} if isinstance(known, Exception) else {name.decode(): text.decode() for name, text in _pairs(known).items()}
    policy = _info(memory).get("maxmemory_policy", "")
    return State(
        now_ms,
        _info(server).get("run_id", ""),
        policy,
        is_built=raw.get("built") == "1",
        built_run=raw.get("run", ""),
        epoch=raw.get("epoch", ""),
        applied=_number(raw.get("applied")),
        version=_number(raw.get("version")),
        nonce=raw.get("nonce", ""),
        build=raw.get("build", ""),
    )


def _info(raw: Any) -> dict[str, str]:
    lines = (line.partition(":") for line in raw.decode("ascii", "replace").splitlines())
    return {name: value.strip() for name, _, value in lines}


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def _pairs(raw: Any) -> Raw:
    if isinstance(raw, Exception):
        return {}
    return dict(zip(raw[::2], raw[1::2], strict=True))
