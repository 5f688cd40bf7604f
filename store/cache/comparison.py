"""Holding a hash of the cache against SQL: what is missing, what is wrong, what only looks so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from store.cache.layout import WHOLE
from store.cache.target import Raw, Repair
from store.cache.values import GONE, HOSTED, Unreadable, split, version_text

_WHOLE = WHOLE.encode()
_GONE, _HOSTED = GONE.encode(), HOSTED.encode()


@dataclass(slots=True)
class Findings:
    """What a comparison found in one hash."""

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
    stamp = version_text(version).encode() + b" "
    for name, body in expected.items():
        raw = actual.get(name)
        if raw is None:
            found.repairs.append(Repair(name, None, stamp + body))
        elif raw.partition(b" ")[2] != body or not 0 < version_of(raw) <= version:
            _judge(found, name, raw, stamp + body, version, suspects)
    for name, raw in _beyond(expected, actual):
        if raw.partition(b" ")[2] == _GONE and 0 < version_of(raw) <= version:
            found.tombstones[name] = raw
        else:
            _judge(found, name, raw, stamp + _GONE, version, suspects)
    found.is_sealed = _WHOLE not in actual or version_of(actual[_WHOLE]) > 0
    if version_of(actual.get(_WHOLE, b"")) > version:  # whole as of a version to come: names to come would be too old
        _judge(found, _WHOLE, actual[_WHOLE], stamp + _HOSTED, version, suspects)
    return found


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
