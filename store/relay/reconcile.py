"""Holding a hash of the cache against SQL: what is missing, what is wrong, what only looks so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from store.relay.target import Raw, Repair
from store.wire_format.layout import WHOLE
from store.wire_format.values import GONE, HOSTED, Unreadable, split, version_text

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
    stamp, is_past = version_text(version).encode() + b" ", _Past(version)
    for name, body in expected.items():
        raw = actual.get(name)
        if raw is None:
            found.repairs.append(Repair(name, None, stamp + body))
            continue
        written, _, said = raw.partition(b" ")
        if said != body or not is_past[written]:
            _judge(found, name, raw, stamp + body, version, suspects)
    for name, raw in _beyond(expected, actual):
        written, _, said = raw.partition(b" ")
        if said == _GONE and is_past[written]:
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
