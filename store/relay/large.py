"""Large domains, whose names come in parts: gathered where nobody reads and put in at once, or compared by the part."""

from collections.abc import Iterator

from store.relay.mending import WHOLE_FIELD, Mending, own_fields
from store.relay.target import CHUNK
from store.sql.outbox import new_nonce
from store.sql.snapshot import Part
from store.wire_format.layout import DOMAIN, domain_key


class LargeDomain:
    """One large domain, beginning with its ``first`` part."""

    def __init__(self, mending: Mending, first: Part) -> None:
        self._mending = mending
        self._name = first.domain.name
        self._key = domain_key(self._name)
        self._token = new_nonce()
        self._gathered = 0
        self._seen: set[bytes] = set()  # fields
        self._is_present = bool(mending.target.some(self._key, [DOMAIN.encode()]))

    def take(self, part: Part) -> None:
        """Take the next part, or the first."""
        bodies = {**own_fields(part), **part.names} if part.is_first else part.names
        if self._is_present:
            self._compare(bodies, is_last=part.is_last)
        elif self._mending.mends:
            self._gather(bodies, is_last=part.is_last)
        elif part.is_last:
            self._mending.install({self._name: {}})

    def _compare(self, bodies: dict[bytes, bytes], *, is_last: bool) -> None:
        self._seen |= bodies.keys()
        for fields in _chunks(list(bodies)):
            wanted = {name: bodies[name] for name in fields}
            self._mending.some(self._name, wanted, self._mending.target.some(self._key, fields))
        if is_last:
            self._beyond()

    def _beyond(self) -> None:
        """Look for fields that SQL knows nothing of."""
        for some in self._mending.target.scan(self._key):
            extra = {one: raw for one, raw in some.items() if one not in self._seen}
            self._mending.some(self._name, {}, extra)

    def _gather(self, bodies: dict[bytes, bytes], *, is_last: bool) -> None:
        target, mending = self._mending.target, self._mending
        whole = WHOLE_FIELD if is_last else {}
        target.gather(self._token, mending.raw({**bodies, **whole}))
        self._gathered += len(bodies) + len(whole)
        if is_last:
            outcome = target.install_gathered(mending.basis, self._name, self._token, self._gathered, mending.clock)
            mending.report.installed += outcome == "applied"


def _chunks(fields: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(fields), CHUNK):
        yield fields[start : start + CHUNK]
