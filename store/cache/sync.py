"""Bringing the cache in step with a snapshot of SQL, in small pieces: what loading, rebuild and audit have in common.

A hash that is not there is put in whole, in one step. One that is there is compared and put right field by field, each
only as long as it is as it was seen; so a name that lives is never out of sight, and nothing newer is overwritten.
"""

from collections.abc import Iterable, Iterator

from store.cache.large import LargeDomain
from store.cache.layout import HOSTED_KEY, domain_key
from store.cache.mending import Mending, own_fields
from store.cache.report import Report
from store.cache.target import CHUNK, Raw
from store.cache.values import HOSTED
from store.sql.snapshot import Part

_DOMAINS = 200  # small hashes in one round trip
_SMALL = 4 * CHUNK  # fields; more are read some at a time


class Sync:
    """One pass over a snapshot."""

    def __init__(self, mending: Mending, *, gently: bool = False) -> None:
        """Begin; ``gently``: in small pieces, which cost more round trips."""
        self._mending = mending
        self._enough = CHUNK if gently else _SMALL  # fields, for one piece
        self._target = mending.target
        self.report = mending.report
        self._waiting: dict[str, dict[bytes, bytes]] = {}  # small domains: field to body
        self._fields = 0
        self._large: LargeDomain | None = None

    def domains(self, parts: Iterable[Part]) -> Iterator[Report]:
        """Work through the hashes of domains, and stop after each piece to let others do theirs."""
        for part in parts:
            self.report.domains += part.is_first
            self.report.names += len(part.names)
            if part.is_first and part.is_last:
                self._wait(part)
            else:
                self._take(part)
            if self._fields >= self._enough or len(self._waiting) >= _DOMAINS or not (part.is_first and part.is_last):
                self._flush()
                yield self.report
        self._flush()
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

    def _wait(self, part: Part) -> None:
        body = own_fields(part) | part.names
        self._waiting[part.domain.name] = body
        self._fields += len(body)

    def _flush(self) -> None:
        """Put in or compare the small domains that wait."""
        waiting, self._waiting, self._fields = self._waiting, {}, 0
        sizes = dict(zip(waiting, self._target.sizes(list(waiting)), strict=True)) if waiting else {}
        self._mending.install({name: bodies for name, bodies in waiting.items() if not sizes[name]})
        small = [name for name in waiting if 0 < sizes[name] <= _SMALL]
        for name, actual in zip(small, self._target.whole(small) if small else [], strict=True):
            self._mending.whole(name, waiting[name], actual)
        for name, bodies in waiting.items():
            if sizes[name] > _SMALL:
                self._mending.whole(name, bodies, _all(self._target.scan(domain_key(name))))

    def _take(self, part: Part) -> None:
        if part.is_first or self._large is None:
            self._large = LargeDomain(self._mending, part)
        self._large.take(part)


def _all(pieces: Iterator[Raw]) -> Raw:
    return {name: raw for some in pieces for name, raw in some.items()}
