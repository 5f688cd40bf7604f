"""Reconciling one hash of the cache with SQL: finding what is missing or wrong, repairing it, installing it whole."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from store.relay.report import Difference, Report, difference
from store.relay.target import Basis, Outdated, Raw, Repair, Target
from store.sql.outbox import Clock
from store.sql.snapshot import Part
from store.wire_format.layout import CATCH_ALL, DOMAIN, HOSTED_KEY, WHOLE, domain_key
from store.wire_format.values import (
    GONE,
    HOSTED,
    Unreadable,
    catch_all_body,
    domain_body,
    split,
    version_text,
)

Written = TypeVar("Written")

WHOLE_FIELD = {WHOLE.encode(): HOSTED.encode()}

_DOMAIN, _CATCH_ALL, _WHOLE = DOMAIN.encode(), CATCH_ALL.encode(), WHOLE.encode()
_GONE, _HOSTED = GONE.encode(), HOSTED.encode()
_TRIES = 5  # to write between two looks of another relay


@dataclass(slots=True)
class Findings:
    """The result of comparing one hash."""

    repairs: list[Repair] = field(default_factory=list)
    newer: Raw = field(default_factory=dict)  # written after the snapshot, or so their version says
    tombstones: Raw = field(default_factory=dict)  # no newer than the snapshot
    is_sealed: bool = True  # False: nobody knows as of which version the hash is whole


def compare(expected: Mapping[bytes, bytes], actual: Raw, version: int, suspects: Raw) -> Findings:
    """Compare the fields of a hash.

    Args:
        expected: bodies by field, as SQL has them as of ``version``; without ``@l``.
        actual: the fields as Redis has them.
        version: that of the snapshot.
        suspects: fields that were too new for an earlier snapshot. Unchanged and still too new they are damaged.
    """
    found = Findings()
    stamp, is_past = version_text(version).encode() + b" ", _Past(version)
    for name, body in expected.items():
        raw = actual.get(name)
        if raw is None:
            found.repairs.append(Repair(name, None, stamp + body))
            continue
        written, _, body_there = raw.partition(b" ")
        if body_there != body or not is_past[written]:
            _judge(found, name, raw, stamp + body, version, suspects)
    for name, raw in _beyond(expected, actual):
        written, _, body_there = raw.partition(b" ")
        if body_there == _GONE and is_past[written]:
            found.tombstones[name] = raw
        else:
            _judge(found, name, raw, stamp + _GONE, version, suspects)
    found.is_sealed = _WHOLE not in actual or version_of(actual[_WHOLE]) > 0
    if version_of(actual.get(_WHOLE, b"")) > version:  # whole as of a version to come: names to come would be too old
        _judge(found, _WHOLE, actual[_WHOLE], stamp + _HOSTED, version, suspects)
    return found


class _Past(dict[bytes, bool]):
    """Whether a version, as it stands in a value, is not beyond that of the snapshot; the same few stand everywhere."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self._version = version

    def __missing__(self, written: bytes) -> bool:
        is_past = self[written] = 0 < version_of(written + b" ") <= self._version
        return is_past


def _beyond(expected: Mapping[bytes, bytes], actual: Raw) -> Iterator[tuple[bytes, bytes]]:
    return ((name, raw) for name, raw in actual.items() if name not in expected and name != _WHOLE)


def _judge(found: Findings, name: bytes, raw: bytes, value: bytes, version: int, suspects: Raw) -> None:
    """Note a field that is not as expected: to be repaired, unless it is newer than the snapshot."""
    if version_of(raw) > version and suspects.get(name) != raw:
        found.newer[name] = raw
    else:
        found.repairs.append(Repair(name, raw, value))


def version_of(raw: bytes) -> int:
    """Return the version of a value, 0 for one without."""
    try:
        return split(raw)[0]
    except Unreadable:
        return 0


class Reconciler:
    """Brings hashes in step with SQL as of ``clock``. With ``repairs`` False it only notes what differs."""

    def __init__(
        self,
        target: Target,
        basis: Basis,
        clock: Clock,
        *,
        repairs: bool,
        suspects: Mapping[str, Raw] | None = None,
        look: Callable[[], Basis] | None = None,
    ) -> None:
        """Begin. ``look``, for what takes long: see that SQL still knows ``clock``; return what repairs rest on now."""
        self._look = look
        self.target = target
        self.clock = clock
        self.repairs = repairs
        self.report = Report()
        self.basis = basis
        self._suspects = suspects or {}
        self._is_mended: dict[str, bool] = {}  # hashes that were there: False where somebody was in the way
        self._stamp = version_text(clock.version).encode() + b" "

    def raw(self, bodies: Mapping[bytes, bytes]) -> Raw:
        """Return values that say ``bodies`` as of the clock's version."""
        stamp = self._stamp
        return {name: stamp + body for name, body in bodies.items()}

    def install(self, absent: Mapping[str, Mapping[bytes, bytes]]) -> None:
        """Begin to put in hashes that are not there: by domain field and body, all but ``@l``."""
        if not absent:
            return
        if not self.repairs:
            self.report.differences += [Difference(name, DOMAIN, None, "a hash") for name in absent]
            return
        hashes = {name: self.raw({**bodies, **WHOLE_FIELD}) for name, bodies in absent.items()}
        self.target.install(self.basis, hashes, self.clock)

    def reconcile_hash(self, name: str, bodies: Mapping[bytes, bytes], actual: Raw) -> None:
        """Bring a whole hash, that has the fields ``actual``, in step."""
        if _DOMAIN not in actual:  # rubbish, or a hash of the wrong type
            self.install({name: bodies})
            return
        found = self._compare(name, bodies, actual)
        found.is_sealed &= _WHOLE in actual
        self._settle(name, found, bodies)

    def reconcile_fields(self, name: str, bodies: Mapping[bytes, bytes], actual: Raw) -> None:
        """Bring some fields of a hash, which are ``actual`` there, in step."""
        self._settle(name, self._compare(name, bodies, actual), bodies)

    def listing(self, expected: Mapping[bytes, bytes], actual: Raw) -> None:
        """Bring the list of hosted domains in step."""
        found = self._compare("", expected, actual)
        self._note("", found, expected)
        if not self.repairs:
            return
        self._seal_listed(found.repairs)
        self.report.repaired += self._repair(HOSTED_KEY, found.repairs)
        for repair in found.repairs:
            if repair.value.endswith(GONE.encode()):  # the list first: without its hash a domain is no evidence
                self.target.drop(self.basis, repair.field.decode("ascii", "replace"))
        if _WHOLE not in actual or found.tombstones or not found.is_sealed:
            least = len(actual.keys() | {repair.field for repair in found.repairs})
            self._seal(HOSTED_KEY, found.tombstones, least)

    def _seal_listed(self, repairs: Iterable[Repair]) -> None:
        """Note of domains that come into the list anew, and whose hash was there, that it is whole as of now.

        A removal before that is too old for their new place in the list, and takes the hash away no more. So what came
        before that removal must be too old for the hash: else a name would be back that went with its domain. Newer
        fields, which are looked at again later, do not matter: for those their own versions say what is too old.
        """
        for name in (repair.field.decode("ascii", "replace") for repair in repairs if repair.value.endswith(_HOSTED)):
            if self._is_mended.get(name):
                self._seal(domain_key(name))

    def note_newer(self, name: str, actual: Raw) -> None:
        """Have a domain looked at again as a whole, which the list says is newer than SQL.

        Where SQL did not have it, its hash was not compared; by the next look it may be hosted anew, as the list says.
        """
        newer = {field: raw for field, raw in actual.items() if version_of(raw) > self.clock.version}
        self.report.newer.setdefault(name, {}).update(newer)

    def remove_unhosted(self, name: str) -> None:
        """Take away a hash of a domain that is not in the list."""
        self.report.differences.append(Difference(name, "", "a hash that is in no list", None))
        if self.repairs:
            self.target.drop(self.basis, name)

    def _compare(self, name: str, bodies: Mapping[bytes, bytes], actual: Raw) -> Findings:
        return compare(bodies, actual, self.clock.version, self._suspects.get(name, {}))

    def _settle(self, name: str, found: Findings, bodies: Mapping[bytes, bytes]) -> None:
        self._note(name, found, bodies)
        if not self.repairs:
            return
        key = domain_key(name)
        repaired = self._repair(key, found.repairs)
        self.report.repaired += repaired
        is_mended = repaired == len(found.repairs)
        self._is_mended[name] = is_mended and self._is_mended.get(name, True)
        if is_mended and not found.newer and (found.tombstones or not found.is_sealed):
            self._seal(key, found.tombstones)

    def _repair(self, key: str, repairs: list[Repair]) -> int:
        return self._written(lambda basis: self.target.repair(basis, key, repairs, self.clock)) if repairs else 0

    def _seal(self, key: str, tombstones: Raw | None = None, least: int = 0) -> None:
        self._written(lambda basis: self.target.seal(basis, key, self.clock, tombstones or {}, least))

    def _written(self, write: Callable[[Basis], Written]) -> Written:
        """Write, on what is so now; again where another relay looked meanwhile, as each does all the time."""
        if self._look is None:
            return write(self.basis)
        for _ in range(_TRIES):
            basis = self._look()
            with suppress(Outdated):
                return write(basis)
        return write(self._look())

    def _note(self, name: str, found: Findings, bodies: Mapping[bytes, bytes]) -> None:
        self.report.differences += [difference(name, repair, bodies.get(repair.field)) for repair in found.repairs]
        if found.newer:
            self.report.newer.setdefault(name, {}).update(found.newer)


def own_fields(part: Part) -> dict[bytes, bytes]:
    """Return field and body of what stands in a domain's hash besides its names and ``@l``."""
    domain = part.domain
    return {
        _DOMAIN: domain_body(domain).encode(),
        _CATCH_ALL: catch_all_body(domain.catch_all, domain.name).encode(),
    }
