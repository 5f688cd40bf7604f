"""``store/relay/operations.lua`` in Python, function for function, over the Redis in memory.

A class, so that a planted bug can be one method that differs.
"""

import re
from typing import Any

from store.wire_format.layout import PREFIX
from tests.faults.sim_redis import HOSTED, LEASE, STATE, Hash, MemoryRedis, Refused

_BUILDING = f"{PREFIX}building".encode()
_BUILDING_MS = 10_000
LATE_MS = 1000
_TRAIL_BYTES = 200
_GUARDED = frozenset({"apply", "install", "install_gathered", "repair", "seal", "drop"})
_OF_A_LOOK = frozenset({"repair", "seal"})
_WHOLE, _OWN = b"@l", b"@"


def domain_key(domain: bytes) -> bytes:
    return f"{PREFIX}d:".encode() + domain


def version_of(value: bytes | None) -> int | None:
    found = re.match(rb"([0-9A-Za-z]+) ", value or b"")
    return int(found[1], 36) if found else None


def is_gone(value: bytes) -> bool:
    return value.endswith(b" x")


def _paired(args: tuple[bytes, ...]) -> Hash:
    return dict(zip(args[::2], args[1::2], strict=True))


def _fields(redis: MemoryRedis, key: bytes) -> Hash:
    found = redis.values.get(key, {})
    return found if isinstance(found, dict) else {}


class Operations:
    """Each public method is an operation: one atomic step."""

    def __init__(self, redis: MemoryRedis) -> None:
        self.redis = redis

    def run(self, name: str, arguments: list[bytes]) -> Any:
        """Do an operation and return its raw reply."""
        self.redis.expire()
        if name in _GUARDED:
            *arguments, build, counted, moment = arguments
            self.guard(build, int(counted))
            if name == "apply" or (name in _OF_A_LOOK and int(moment)):
                self.nobody_later(int(moment))
            self.in_time(int(moment))
            self.count(int(arguments.pop()) if name == "apply" else 1, name == "apply")
            if name == "apply":
                self.looked(moment)
        return getattr(self, name)(*arguments)

    def guard(self, build: bytes, counted: int) -> None:
        self.same_build(build)
        self.nothing_lost(counted)

    def same_build(self, build: bytes) -> None:
        if (self.read(STATE, b"build") or b"") != build:
            raise Refused("STALE the cache was built anew")

    def nothing_lost(self, counted: int) -> None:
        if int(self.read(STATE, b"applied") or b"0") < counted:
            raise Refused("STALE the cache lost changes")

    def nobody_later(self, moment: int) -> None:
        if self.is_overtaken(moment):
            raise Refused("STALE somebody looked later")

    def is_overtaken(self, moment: int) -> bool:
        return moment < int(self.read(STATE, b"vouched") or b"0") <= self.redis.time.now_ms

    def looked(self, moment: bytes) -> None:
        lease_basis = int(self.read(STATE, b"vouched") or b"0")
        if int(moment) > lease_basis or lease_basis > self.redis.time.now_ms:
            self.redis.hash(STATE)[b"vouched"] = moment

    def in_time(self, moment: int) -> None:
        if moment and (self.is_overtaken(moment) or self.redis.time.now_ms > moment + LATE_MS):
            self.redis.delete(LEASE)
            self.redis.hash(STATE)[b"late"] = b"%d" % self.redis.time.now_ms

    def read(self, key: bytes, field: bytes) -> bytes | None:
        return self.redis.field(key, field)

    def version(self, key: bytes, field: bytes) -> int:
        return version_of(self.read(key, field)) or 0

    def is_older(self, key: bytes, field: bytes, version: int) -> bool:
        present = version_of(self.read(key, field))
        return version < present if present is not None else version <= self.version(key, _WHOLE)

    def number(self, field: bytes) -> int:
        return int(self.redis.hash(STATE).get(field, b"0"))

    def saw(self, version: int, nonce: bytes) -> None:
        if version > self.number(b"version"):
            self.redis.hash(STATE).update({b"version": b"%d" % version, b"nonce": nonce})

    def trail(self) -> tuple[bytes, bytes]:
        applied = self.read(STATE, b"applied") or b"0"
        found = re.fullmatch(rb"(\d+) (\d+)([\d ]*)", self.read(STATE, b"trail") or b"")
        return (found[2], found[3]) if found and found[1] == applied else (applied, b"")

    def leave_trail(self, applied: int, floor: bytes, counts: bytes) -> None:
        self.redis.hash(STATE)[b"trail"] = b"%d %b%b" % (applied, floor, counts)

    def count(self, step: int, is_apply: bool) -> None:
        floor, counts = self.trail()
        applied = self.number(b"applied") + step
        self.redis.hash(STATE)[b"applied"] = b"%d" % applied
        if is_apply:
            counts += b" %d" % applied
        if len(counts) > _TRAIL_BYTES:
            floor, _, rest = counts[1:].partition(b" ")
            counts = b" " + rest
        self.leave_trail(applied, floor, counts)

    def knows(self, marks: bytes) -> bool:
        floor, counts = self.trail()
        return all(int(mark) <= int(floor) or mark in counts.split() for mark in marks.split())

    def write(self, key: bytes, field: bytes, value: bytes) -> None:
        self.redis.hash(key)[field] = value

    def list_(self, domain: bytes, value: bytes, version: int) -> bytes:
        if self.read(HOSTED, _WHOLE) is None:
            return b"rebuild"
        if self.is_older(HOSTED, domain, version):
            return b"older"
        if is_gone(value) or is_gone(self.read(HOSTED, domain) or b" x"):
            self.redis.delete(domain_key(domain))
        if not is_gone(value) and self.read(domain_key(domain), _OWN) is None:
            return b"load"
        self.redis.hash(HOSTED)[domain] = value
        return b"applied"

    def put(self, domain: bytes, field: bytes, value: bytes, version: int) -> bytes:
        key = domain_key(domain)
        if self.read(key, _OWN) is None:
            listed = self.read(HOSTED, domain)
            gone_as_of = self.read(HOSTED, _WHOLE) if listed is None else listed if is_gone(listed) else None
            return b"older" if version <= (version_of(gone_as_of) or 0) else b"load"
        if self.is_older(key, field, version):
            return b"older"
        self.write(key, field, value)
        return b"applied"

    def apply(self, *args: bytes) -> Any:
        answers = []
        for at in range(0, len(args), 4):
            nonce, domain, field, value = args[at : at + 4]
            version = version_of(value) or 0
            answer = self.put(domain, field, value, version) if field else self.list_(domain, value, version)
            if answer not in {b"load", b"rebuild"}:
                self.saw(version, nonce)
            answers.append(answer)
        return [self.number(b"applied"), answers]

    def refusal(self, domain: bytes, version: int) -> bytes | None:
        if self.read(domain_key(domain), _OWN) is not None:
            return b"present"
        seen = max(int(self.read(STATE, b"version") or b"0"), self.version(HOSTED, domain))
        return b"older" if version < seen else None

    def installed(self, domain: bytes, listed: bytes, nonce: bytes) -> bytes:
        self.redis.hash(HOSTED)[domain] = listed
        self.saw(version_of(listed) or 0, nonce)
        return b"applied"

    def install(self, domain: bytes, listed: bytes, nonce: bytes, *fields: bytes) -> Any:
        refusal = self.refusal(domain, version_of(listed) or 0)
        if refusal:
            return refusal
        self.redis.set(domain_key(domain), _paired(fields))
        return self.installed(domain, listed, nonce)

    def install_gathered(self, domain: bytes, listed: bytes, nonce: bytes, gathered: bytes, count: bytes) -> Any:
        fields = self.redis.values.get(gathered, {})
        if isinstance(fields, bytes) or len(fields) != int(count):
            return b"lost"
        self.redis.delete(gathered)
        refusal = self.refusal(domain, version_of(listed) or 0)
        if refusal:
            return refusal
        self.redis.set(domain_key(domain), fields)
        return self.installed(domain, listed, nonce)

    def repair(self, key: bytes, nonce: bytes, *args: bytes) -> Any:
        if key != HOSTED and self.read(key, _OWN) is None:
            return 0
        done = 0
        for at in range(0, len(args), 3):
            field, seen, value = args[at : at + 3]
            version = version_of(value) or 0
            if (self.read(key, field) or b"") == seen and (seen or version >= self.version(key, _WHOLE)):
                self.redis.hash(key)[field] = value
                self.saw(version, nonce)
                done += 1
        return done

    def seal(self, key: bytes, whole: bytes, least: bytes, *tombstones: bytes) -> Any:
        if key != HOSTED and self.read(key, _OWN) is None:
            return 0
        if len(_fields(self.redis, key)) < int(least):
            return 0
        version = version_of(whole) or 0
        if version < self.version(key, _WHOLE):
            return 0
        if self.read(STATE, b"built") == b"1" and version > int(self.read(STATE, b"version") or b"0"):
            return 0
        self.redis.hash(key)[_WHOLE] = whole
        for field, seen in _paired(tombstones).items():
            if self.read(key, field) == seen and (version_of(seen) or 0) <= version:
                del self.redis.hash(key)[field]
        return 1

    def drop(self, domain: bytes) -> Any:
        listed = self.read(HOSTED, domain)
        if listed is None and self.read(HOSTED, _WHOLE) is None:
            return 0
        if listed is not None and not is_gone(listed):
            return 0
        return self.redis.delete(domain_key(domain))

    def begin(self, token: bytes, build: bytes) -> Any:
        self.same_build(build)
        known = self.read(STATE, b"build") or b""
        if _BUILDING in self.redis.values:
            return None
        self.redis.set(_BUILDING, token, self.redis.time.now_ms + _BUILDING_MS)
        for key in (STATE, HOSTED):
            if not isinstance(self.redis.values.get(key, {}), dict):
                self.redis.delete(key)
        self.redis.delete(LEASE)
        self.redis.is_rebuilt_for_nothing |= self.read(STATE, b"built") == b"1" and known not in self.redis.stopped
        self.redis.hash(STATE).update({b"built": b"0", b"build": token})
        return self.redis.run_id.encode()

    def go_on(self, token: bytes) -> Any:
        if self.redis.values.get(_BUILDING) != token:
            return 0
        self.redis.ends[_BUILDING] = self.redis.time.now_ms + _BUILDING_MS
        return 1

    def finish(self, token: bytes, run: bytes, epoch: bytes, version: bytes, nonce: bytes, *counters: bytes) -> Any:
        stored, counted = (int(one) for one in counters)
        is_ours = self.redis.values.get(_BUILDING) == self.read(STATE, b"build") == token
        if not is_ours or self.redis.run_id.encode() != run or self.read(HOSTED, _WHOLE) is None:
            return 0
        if self.number(b"applied") < counted:
            return 0
        applied = b"%d" % max(self.number(b"applied"), stored)
        built = {b"built": b"1", b"run": run, b"epoch": epoch, b"applied": applied, b"build": token + b"."}
        self.redis.hash(STATE).update(built)
        self.leave_trail(int(applied), applied, b"")
        self.redis.delete(_BUILDING)
        self.saw(int(version), nonce)
        return 1

    def prolong(self, key: bytes, text: bytes, moment: int, life: int) -> None:
        now, end = self.redis.time.now_ms, moment + life
        if self.redis.values.get(key) != text:
            self.redis.set(key, text, end)
            return
        ends_now = self.redis.ends.get(key, -1)
        if ends_now < end or ends_now > now + life:
            self.redis.set(key, text, end)

    def renew(self, build: bytes, run: bytes, epoch: bytes, counted: bytes, *rest: bytes) -> Any:
        marks, text, moment, *lifetimes = rest
        self.same_build(build)
        if int(moment) <= int(self.read(STATE, b"late") or b"0") <= self.redis.time.now_ms:
            raise Refused("STALE something came in late")
        state = self.redis.values.get(STATE, {})
        assert isinstance(state, dict)
        sound = (state.get(b"built"), state.get(b"run"), state.get(b"epoch")) == (b"1", run, epoch)
        sound = sound and self.number(b"applied") >= int(counted) and self.redis.run_id.encode() == run
        if not sound or not self.knows(marks) or self.read(HOSTED, _WHOLE) is None:
            self.redis.delete(LEASE)
            return 0
        self.looked(moment)
        keys = (LEASE, f"{PREFIX}grace".encode(), f"{PREFIX}sender_grace".encode())
        for key, life in zip(keys, lifetimes, strict=True):
            self.prolong(key, text if key == LEASE else b"1", int(moment), int(life))
        return 1

    def stop(self, build: bytes) -> Any:
        if not isinstance(self.redis.values.get(STATE, {}), dict):
            self.redis.delete(STATE)
        if (self.read(STATE, b"build") or b"") != build:
            return 0
        self.redis.stopped.add(build)
        self.redis.delete(LEASE)
        self.redis.hash(STATE)[b"built"] = b"0"
        return 1
