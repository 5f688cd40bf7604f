"""Synchronisation of the cache with a snapshot of SQL in small pieces, shared by loading, rebuild and audit.

A hash that is not there is put in whole, in one step. One that is there is compared and put right field by field, each
only as long as it is as it was seen; so a name that lives is never out of sight, and nothing newer is overwritten.
"""

from collections.abc import Iterable, Iterator

from store.relay.reconcile import WHOLE_FIELD, Reconciler, own_fields
from store.relay.report import Report
from store.relay.target import CHUNK, Raw
from store.sql.outbox import new_nonce
from store.sql.snapshot import Part
from store.wire_format.layout import DOMAIN, HOSTED_KEY, domain_key
from store.wire_format.values import HOSTED

_DOMAINS = 200  # small hashes in one round trip
_ENOUGH = 2500  # fields in one: what a socket takes at once, and half of what SQL gives
_SMALL = 4 * CHUNK  # fields; more are read some at a time


class Sync:
    """One pass over a snapshot."""

    def __init__(self, reconciler: Reconciler, *, gently: bool = False) -> None:
        """Begin; ``gently``: in small pieces, which cost more round trips."""
        self._reconciler = reconciler
        self._enough = CHUNK if gently else _ENOUGH  # fields, for one piece
        self._target = reconciler.target
        self.report = reconciler.report
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
        self._reconciler.listing(expected, actual)
        yield self.report
        for one in self.report.newer.get("", {}).keys() - WHOLE_FIELD.keys():
            name = one.decode("ascii", "replace")
            self._reconciler.note_newer(name, _all(self._target.scan(domain_key(name))))
            yield self.report
        for some in self._target.hashed_domains():
            for name in some:
                if name.encode() not in expected and name.encode() not in actual:
                    self._reconciler.remove_unhosted(name)
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
        for name, actual in zip(small, self._target.read_hashes(small) if small else [], strict=True):
            self._reconciler.reconcile_hash(name, domains[name], actual)
        for name, bodies in domains.items():
            if sizes[name] > _SMALL:
                self._reconciler.reconcile_hash(name, bodies, _all(self._target.scan(domain_key(name))))
        self._reconciler.install({name: bodies for name, bodies in domains.items() if not sizes[name]})

    def _take(self, part: Part) -> None:
        if part.is_first or self._large is None:
            self._large = LargeDomain(self._reconciler, part)
        self._large.take(part)


class LargeDomain:
    """A domain whose names come in parts, beginning with its ``first``.

    They are gathered where nobody reads and installed at once, or compared part by part.
    """

    def __init__(self, reconciler: Reconciler, first: Part) -> None:
        self._reconciler = reconciler
        self._name = first.domain.name
        self._key = domain_key(self._name)
        self._token = new_nonce()
        self._gathered = 0
        self._seen: set[bytes] = set()  # fields
        self._is_present = bool(reconciler.target.read_fields(self._key, [DOMAIN.encode()]))

    def take(self, part: Part) -> None:
        """Take the next part, or the first."""
        bodies = {**own_fields(part), **part.names} if part.is_first else part.names
        if self._is_present:
            self._compare(bodies, is_last=part.is_last)
        elif self._reconciler.repairs:
            self._gather(bodies, is_last=part.is_last)
        elif part.is_last:
            self._reconciler.install({self._name: {}})

    def _compare(self, bodies: dict[bytes, bytes], *, is_last: bool) -> None:
        self._seen |= bodies.keys()
        for fields in _chunks(list(bodies)):
            wanted = {name: bodies[name] for name in fields}
            self._reconciler.reconcile_fields(
                self._name, wanted, self._reconciler.target.read_fields(self._key, fields)
            )
        if is_last:
            self._beyond()

    def _beyond(self) -> None:
        """Look for fields that SQL knows nothing of."""
        for some in self._reconciler.target.scan(self._key):
            extra = {one: raw for one, raw in some.items() if one not in self._seen}
            self._reconciler.reconcile_fields(self._name, {}, extra)

    def _gather(self, bodies: dict[bytes, bytes], *, is_last: bool) -> None:
        target, reconciler = self._reconciler.target, self._reconciler
        whole = WHOLE_FIELD if is_last else {}
        target.gather(self._token, reconciler.raw({**bodies, **whole}))
        self._gathered += len(bodies) + len(whole)
        if is_last:
            outcome = target.install_gathered(
                reconciler.basis, self._name, self._token, self._gathered, reconciler.clock
            )
            reconciler.report.installed += outcome == "applied"


def _chunks(fields: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(fields), CHUNK):
        yield fields[start : start + CHUNK]


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
