"""One hash of the cache at a time: noting what is wrong with it, putting it right, putting it in."""

from collections.abc import Mapping

from store.relay.reconcile import Findings, compare
from store.relay.report import Difference, Report, difference
from store.relay.target import Basis, Raw, Target
from store.sql.outbox import Clock
from store.sql.snapshot import Part
from store.wire_format.layout import CATCH_ALL, DOMAIN, HOSTED_KEY, WHOLE, domain_key
from store.wire_format.values import GONE, HOSTED, catch_all_body, domain_body, version_text

WHOLE_FIELD = {WHOLE.encode(): HOSTED.encode()}

_DOMAIN, _CATCH_ALL, _WHOLE = DOMAIN.encode(), CATCH_ALL.encode(), WHOLE.encode()


class Mending:
    """Brings hashes in step with SQL as of ``clock``. With ``mends`` False it only notes what differs."""

    def __init__(
        self, target: Target, basis: Basis, clock: Clock, *, mends: bool, suspects: Mapping[str, Raw] | None = None
    ) -> None:
        self.target = target
        self.clock = clock
        self.mends = mends
        self.report = Report()
        self.basis = basis
        self._suspects = suspects or {}
        self._stamp = version_text(clock.version).encode() + b" "

    def raw(self, bodies: Mapping[bytes, bytes]) -> Raw:
        """Return values that say ``bodies`` as of the clock's version."""
        stamp = self._stamp
        return {name: stamp + body for name, body in bodies.items()}

    def install(self, absent: Mapping[str, Mapping[bytes, bytes]]) -> None:
        """Begin to put in hashes that are not there: by domain field and body, all but ``@l``."""
        if not absent:
            return
        if not self.mends:
            self.report.differences += [Difference(name, DOMAIN, None, "a hash") for name in absent]
            return
        hashes = {name: self.raw({**bodies, **WHOLE_FIELD}) for name, bodies in absent.items()}
        self.target.install(self.basis, hashes, self.clock)

    def whole(self, name: str, bodies: Mapping[bytes, bytes], actual: Raw) -> None:
        """Bring a whole hash, that has the fields ``actual``, in step."""
        if _DOMAIN not in actual:  # rubbish, or a hash of the wrong type
            self.install({name: bodies})
            return
        found = self._compare(name, bodies, actual)
        found.is_sealed &= _WHOLE in actual
        self._settle(name, found, bodies)

    def some(self, name: str, bodies: Mapping[bytes, bytes], actual: Raw) -> None:
        """Bring some fields of a hash, which are ``actual`` there, in step."""
        self._settle(name, self._compare(name, bodies, actual), bodies)

    def listing(self, expected: Mapping[bytes, bytes], actual: Raw) -> None:
        """Bring the list of hosted domains in step."""
        found = self._compare("", expected, actual)
        self._note("", found, expected)
        if not self.mends:
            return
        self.report.repaired += self.target.repair(self.basis, HOSTED_KEY, found.repairs, self.clock)
        for repair in found.repairs:
            if repair.value.endswith(GONE.encode()):  # the list first: without its hash a domain is no evidence
                self.target.drop(self.basis, repair.field.decode("ascii", "replace"))
        if _WHOLE not in actual or found.tombstones or not found.is_sealed:
            least = len(actual.keys() | {repair.field for repair in found.repairs})
            self.target.seal(self.basis, HOSTED_KEY, self.clock, found.tombstones, least)

    def stray(self, name: str) -> None:
        """Take away a hash of a domain that is not in the list."""
        self.report.differences.append(Difference(name, "", "a hash that is in no list", None))
        if self.mends:
            self.target.drop(self.basis, name)

    def _compare(self, name: str, bodies: Mapping[bytes, bytes], actual: Raw) -> Findings:
        return compare(bodies, actual, self.clock.version, self._suspects.get(name, {}))

    def _settle(self, name: str, found: Findings, bodies: Mapping[bytes, bytes]) -> None:
        self._note(name, found, bodies)
        if not self.mends:
            return
        key = domain_key(name)
        mended = self.target.repair(self.basis, key, found.repairs, self.clock) if found.repairs else 0
        self.report.repaired += mended
        if mended == len(found.repairs) and not found.newer and (found.tombstones or not found.is_sealed):
            self.target.seal(self.basis, key, self.clock, found.tombstones)

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
