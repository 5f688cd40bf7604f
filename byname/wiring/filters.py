"""What rules may be, from the settings."""

from conf.settings import Settings
from routing.address import Address
from routing.domain import canonical_domain
from routing.filters.policy import ANYWHERE, FilterPolicy


def filter_policy(settings: Settings) -> FilterPolicy:
    """Return what rules may be here. Raises ValueError for a target of forwarding that is no domain."""
    chosen = settings.filters
    return FilterPolicy(
        max_rules=chosen.max_rules,
        max_script_bytes=chosen.max_script_bytes,
        separator=chosen.separator,
        delimiter=settings.routing.recipient_delimiter,
        forward=frozenset(map(_canonical, chosen.forward)),
        installs=chosen.managesieve is not None,
    )


def _canonical(target: str) -> str:
    if target == ANYWHERE:
        return target
    return str(Address.parse(target)) if "@" in target else canonical_domain(target)
