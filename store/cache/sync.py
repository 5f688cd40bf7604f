"""Bringing the cache in step with a snapshot of SQL, in small pieces: what loading, rebuild and audit have in common.

A hash that is not there is put in whole, in one step. One that is there is compared and put right field by field, each
only as long as it is as it was seen; so a name that lives is never out of sight, and nothing newer is overwritten.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from store.cache.comparison import Findings, compare
from store.cache.layout import CATCH_ALL, DOMAIN, HOSTED_KEY, WHOLE, domain_key
from store.cache.target import CHUNK, Raw, Repair, Target
from store.cache.values import GONE, HOSTED, catch_all_body, domain_body, version_text
from store.sql.outbox import Clock, new_nonce
from store.sql.snapshot import Part

_DOMAINS = 200  # small hashes in one round trip
_SMALL = 4 * CHUNK  # fields; more are read some at a time

_DOMAIN, _CATCH_ALL, _WHOLE, _HOSTED = DOMAIN.encode(), CATCH_ALL.encode(), WHOLE.encode(), HOSTED.encode()


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which Redis is not as SQL; field "" stands for a domain's place in the list of hosted domains."""

    domain: str
    field: str
    cache: str | None  # None: not there
    sql: str | None  # the body; None: no such name


@dataclass(slots=True)
class Report:
    """What came of it so far."""

    domains: int = 0
    names: int = 0
    installed: int = 0  # hashes put in whole
    repaired: int = 0  # fields
    differences: list[Difference] = field(default_factory=list)
    newer: dict[str, Raw] = field(default_factory=dict)  # by domain, "" for the list: to be looked at again


class Sync:
    """One pass over a snapshot. With ``mends`` False it only reports."""

    def __init__(self, target: Target, clock: Clock, *, mends: bool, suspects: Mapping[str, Raw] | None = None) -> None:
        self._target = target
        self._clock = clock
        self._mends = mends
        self._suspects = suspects or {}
        self._stamp = version_text(clock.version).encode() + b" "
        self.report = Report()
        self._waiting: dict[str, dict[bytes, bytes]] = {}  # small domains: field to body
        self._fields = 0
        self._large = _Large()

    def domains(self, parts: Iterable[Part]) -> Iterator[Report]:
        """Work through the hashes of domains, and stop after each piece to let others do theirs."""
        for part in parts:
            self.report.domains += part.is_first
            self.report.names += len(part.names)
            if part.is_first and part.is_last:
                self._wait(part)
            else:
                self._large_part(part)
            if self._fields >= CHUNK or len(self._waiting) >= _DOMAINS or not (part.is_first and part.is_last):
                self._flush()
                yield self.report
        self._flush()
        yield self.report

    def listing(self, hosted: Iterable[str]) -> Iterator[Report]:
        """Work through the list of hosted domains, and take away hashes that are not in it. ``hosted`` are all."""
        expected = dict.fromkeys((name.encode() for name in hosted), _HOSTED)
        actual = {name: raw for some in self._target.scan(HOSTED_KEY) for name, raw in some.items()}
        yield self.report
        found = compare(expected, actual, self._clock.version, self._suspects.get("", {}))
        self._note("", found, expected)
        if self._mends:
            self._mend_listing(found, actual)
        yield self.report
        for some in self._target.present():
            for name in some:
                if name.encode() not in expected and name.encode() not in actual:
                    self._stray(name)
            yield self.report

    def _mend_listing(self, found: Findings, actual: Raw) -> None:
        self.report.repaired += self._target.repair(HOSTED_KEY, found.repairs, self._clock)
        for repair in found.repairs:
            if repair.value.endswith(GONE.encode()):  # the list first: without its hash a domain is no evidence
                self._target.drop(repair.field.decode("ascii", "replace"))
        if _WHOLE not in actual or found.tombstones or not found.is_sealed:
            least = len(actual.keys() | {repair.field for repair in found.repairs})
            self._target.seal(HOSTED_KEY, self._clock, found.tombstones, least)

    def _stray(self, name: str) -> None:
        self.report.differences.append(Difference(name, "", "a hash that is in no list", None))
        if self._mends:
            self._target.drop(name)

    def _wait(self, part: Part) -> None:
        body = self._own(part) | part.names
        self._waiting[part.domain.name] = body
        self._fields += len(body)

    def _own(self, part: Part) -> dict[bytes, bytes]:
        domain = part.domain
        return {
            _DOMAIN: domain_body(domain).encode(),
            _CATCH_ALL: catch_all_body(domain.catch_all, domain.name).encode(),
        }

    def _raw(self, bodies: Mapping[bytes, bytes]) -> Raw:
        stamp = self._stamp
        return {name: stamp + body for name, body in bodies.items()}

    def _flush(self) -> None:
        """Put in or compare the small domains that wait."""
        waiting, self._waiting, self._fields = self._waiting, {}, 0
        sizes = dict(zip(waiting, self._target.sizes(list(waiting)), strict=True)) if waiting else {}
        absent = {name: bodies for name, bodies in waiting.items() if not sizes[name]}
        self._install(absent)
        small = [name for name in waiting if 0 < sizes[name] <= _SMALL]
        for name, actual in zip(small, self._target.whole(small) if small else [], strict=True):
            self._compare(name, waiting[name], actual)
        for name, bodies in waiting.items():
            if sizes[name] > _SMALL:
                self._compare(name, bodies, _all(self._target, domain_key(name)))

    def _install(self, absent: Mapping[str, Mapping[bytes, bytes]]) -> None:
        if not absent:
            return
        if not self._mends:
            self.report.differences += [Difference(name, DOMAIN, None, "a hash") for name in absent]
            return
        whole = {_WHOLE: _HOSTED}
        done = self._target.install(
            {name: self._raw({**bodies, **whole}) for name, bodies in absent.items()}, self._clock
        )
        self.report.installed += sum(outcome == "applied" for outcome in done.values())

    def _compare(self, name: str, bodies: Mapping[bytes, bytes], actual: Raw) -> None:
        if _DOMAIN not in actual:  # rubbish, or a hash of the wrong type
            self._install({name: bodies})
            return
        found = compare(bodies, actual, self._clock.version, self._suspects.get(name, {}))
        found.is_sealed &= _WHOLE in actual
        self._settle(name, found, bodies)

    def _settle(self, name: str, found: Findings, bodies: Mapping[bytes, bytes]) -> None:
        self._note(name, found, bodies)
        if not self._mends:
            return
        mended = self._target.repair(domain_key(name), found.repairs, self._clock) if found.repairs else 0
        self.report.repaired += mended
        if mended == len(found.repairs) and not found.newer and (found.tombstones or not found.is_sealed):
            self._target.seal(domain_key(name), self._clock, found.tombstones)

    def _note(self, name: str, found: Findings, bodies: Mapping[bytes, bytes]) -> None:
        for repair in found.repairs:
            self.report.differences.append(_difference(name, repair, bodies))
        if found.newer:
            self.report.newer.setdefault(name, {}).update(found.newer)

    def _large_part(self, part: Part) -> None:
        """Take one part of a large domain: gather it for a hash to come, or compare it with the one there is."""
        name, key, bodies = part.domain.name, domain_key(part.domain.name), part.names
        if part.is_first:
            self._large = _Large(is_present=bool(self._target.some(key, [_DOMAIN])))
            bodies = {**self._own(part), **bodies}
        if not self._large.is_present:
            self._gather(name, bodies, is_last=part.is_last)
            return
        self._large.seen |= bodies.keys()
        for fields in _chunks(list(bodies)):
            wanted = {name: bodies[name] for name in fields}
            found = compare(wanted, self._target.some(key, fields), self._clock.version, self._suspects.get(name, {}))
            self._settle(name, found, wanted)
        if part.is_last:
            self._beyond(name, key)

    def _beyond(self, name: str, key: str) -> None:
        """Look for fields that SQL knows nothing of."""
        for some in self._target.scan(key):
            extra = {one: raw for one, raw in some.items() if one not in self._large.seen}
            self._settle(name, compare({}, extra, self._clock.version, self._suspects.get(name, {})), {})

    def _gather(self, name: str, bodies: Mapping[bytes, bytes], *, is_last: bool) -> None:
        if not self._mends:
            if is_last:
                self._install({name: {}})
            return
        whole = {_WHOLE: _HOSTED} if is_last else {}
        self._target.gather(self._large.token, self._raw({**bodies, **whole}))
        self._large.count += len(bodies) + len(whole)
        if is_last:
            outcome = self._target.install_gathered(name, self._large.token, self._large.count, self._clock)
            self.report.installed += outcome == "applied"


@dataclass(slots=True)
class _Large:
    """How far a large domain is."""

    is_present: bool = False
    token: str = field(default_factory=new_nonce)
    count: int = 0
    seen: set[bytes] = field(default_factory=set)


def _all(target: Target, key: str) -> Raw:
    return {name: raw for some in target.scan(key) for name, raw in some.items()}


def _chunks(fields: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(fields), CHUNK):
        yield fields[start : start + CHUNK]


def _difference(domain: str, repair: Repair, bodies: Mapping[bytes, bytes]) -> Difference:
    name, body = repair.field.decode("ascii", "replace"), bodies.get(repair.field)
    seen = None if repair.seen is None else repair.seen.decode("ascii", "backslashreplace")
    wanted = None if body is None else body.decode()
    return Difference(domain, name, seen, wanted) if domain else Difference(name, "", seen, wanted)
