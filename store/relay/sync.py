"""Bringing the cache in step with a snapshot of SQL, in small pieces: what loading, rebuild and audit have in common.

A hash that is not there is put in whole, in one step. One that is there is compared and put right field by field, each
only as long as it is as it was seen; so a name that lives is never out of sight, and nothing newer is overwritten.
"""

from collections.abc import Iterable, Iterator

from store.relay.large import LargeDomain
from store.relay.mending import Mending, own_fields
from store.relay.report import Report
from store.relay.target import CHUNK, Raw
from store.sql.snapshot import Part
from store.wire_format.layout import HOSTED_KEY, domain_key
from store.wire_format.values import HOSTED

_DOMAINS = 200  # small hashes in one round trip
_ENOUGH = 2500  # fields in one: what a socket takes at once, and half of what SQL gives
_SMALL = 4 * CHUNK  # fields; more are read some at a time


class Sync:
    """One pass over a snapshot."""

    def __init__(self, mending: Mending, *, gently: bool = False) -> None:
        """Begin; ``gently``: in small pieces, which cost more round trips."""
        self._mending = mending
        self._enough = CHUNK if gently else _ENOUGH  # fields, for one piece
        self._target = mending.target
        self.report = mending.report
        self._large: LargeDomain | None = None

    def domains(self, parts: Iterable[Part]) -> Iterator[Report]:
        """Work through the hashes of domains, and stop after each piece to let others do theirs.

        While Redis works on a piece the next one is read from SQL; when we stop, nothing is on its way.
        """
        for piece in _pieces(parts, self._enough):
            self._settle()
            yield self.report
            self._begin(piece)
        self._settle()
        yield self.report

    def listing(self, hosted: Iterable[str]) -> Iterator[Report]:
        """Work through the list of hosted domains, and take away hashes that are not in it. ``hosted`` are all."""
        expected = dict.fromkeys((name.encode() for name in hosted), HOSTED.encode())
        actual = _all(self._target.scan(HOSTED_KEY))
        yield self.report
        self._mending.listing(expected, actual)
        yield self.report
        for some in self._target.present():
            for name in some:
                if name.encode() not in expected and name.encode() not in actual:
                    self._mending.stray(name)
            yield self.report

    def _begin(self, piece: list[Part]) -> None:
        self.report.domains += sum(part.is_first for part in piece)
        self.report.names += sum(len(part.names) for part in piece)
        if _is_whole(piece[0]):
            self._bring({part.domain.name: own_fields(part) | part.names for part in piece})
        else:
            self._take(piece[0])

    def _settle(self) -> None:
        self.report.installed += self._target.outcomes().count("applied")

    def _bring(self, domains: dict[str, dict[bytes, bytes]]) -> None:
        """Compare small domains, then begin to put in those that are not there; field to body."""
        sizes = dict(zip(domains, self._target.sizes(list(domains)), strict=True))
        small = [name for name in domains if 0 < sizes[name] <= _SMALL]
        for name, actual in zip(small, self._target.whole(small) if small else [], strict=True):
            self._mending.whole(name, domains[name], actual)
        for name, bodies in domains.items():
            if sizes[name] > _SMALL:
                self._mending.whole(name, bodies, _all(self._target.scan(domain_key(name))))
        self._mending.install({name: bodies for name, bodies in domains.items() if not sizes[name]})

    def _take(self, part: Part) -> None:
        if part.is_first or self._large is None:
            self._large = LargeDomain(self._mending, part)
        self._large.take(part)


def _pieces(parts: Iterable[Part], enough: int) -> Iterator[list[Part]]:
    """Return small domains, whole, of about ``enough`` fields together, and each part of a large one by itself."""
    small, fields = list[Part](), 0
    for part in parts:
        if _is_whole(part):
            small.append(part)
            fields += len(part.names)
        if small and (not _is_whole(part) or fields >= enough or len(small) >= _DOMAINS):
            yield small
            small, fields = [], 0
        if not _is_whole(part):
            yield [part]
    if small:
        yield small


def _is_whole(part: Part) -> bool:
    return part.is_first and part.is_last


def _all(pieces: Iterator[Raw]) -> Raw:
    return {name: raw for some in pieces for name, raw in some.items()}
