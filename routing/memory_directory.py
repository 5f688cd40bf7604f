"""Directories without a store: one over given records, one that never answers. For tests, benchmarks and trials."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from routing.address import Address
from routing.directory import LookupFailed
from routing.records import HostedDomain


class MemoryDirectory:
    """A :class:`~routing.directory.Directory` over records that were given to it."""

    def __init__(self, domains: Iterable[HostedDomain] = ()) -> None:
        self._domains = {domain.name: domain for domain in domains}

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        """Answer from the given records, as the protocol says."""
        names: dict[str, set[str]] = {}
        for address in wanted:
            names.setdefault(address.domain, set()).add(address.local)
        return {
            name: replace(domain, names={local: domain.names[local] for local in domain.names if local in names[name]})
            for name, domain in self._domains.items()
            if name in names
        }


class SilentDirectory:
    """A directory that never answers: every decision over it is 451."""

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        """Fail, whatever is asked.

        Raises:
            LookupFailed: always.
        """
        raise LookupFailed(f"no answer about {len(wanted)} names")
