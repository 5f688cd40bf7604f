"""The report of a pass over the cache: counts, repairs and differences."""

from dataclasses import dataclass, field

from store.relay.target import Raw, Repair


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which Redis is not as SQL; field "" stands for a domain's place in the list of hosted domains."""

    domain: str
    field: str
    cache: str | None  # None: not there
    sql: str | None  # the body; None: no such name


@dataclass(slots=True)
class Report:
    """Counts and differences so far."""

    domains: int = 0
    names: int = 0
    installed: int = 0  # hashes put in whole
    repaired: int = 0  # fields
    differences: list[Difference] = field(default_factory=list)
    newer: dict[str, Raw] = field(default_factory=dict)  # by domain, "" for the list: to be looked at again


def difference(domain: str, repair: Repair, body: bytes | None) -> Difference:
    """Return what a repair is for: ``body`` is what SQL says; ``domain`` is "" for the list."""
    name = repair.field.decode("ascii", "replace")
    seen = None if repair.seen is None else repair.seen.decode("ascii", "backslashreplace")
    wanted = None if body is None else body.decode()
    return Difference(domain, name, seen, wanted) if domain else Difference(name, "", seen, wanted)
