"""What rules may be, from the settings."""

from byname.wiring import canonical
from conf.settings import Settings
from routing.address import Address
from routing.domain import canonical_domain
from routing.filters.policy import ANYWHERE, FilterPolicy


def filter_policy(settings: Settings) -> FilterPolicy:
    """Return what rules may be here. Raises ConfigError for a target of forwarding that is no address and no domain."""
    chosen = settings.filters
    return FilterPolicy(
        max_rules=chosen.max_rules,
        max_script_bytes=chosen.max_script_bytes,
        separator=chosen.separator,
        delimiter=settings.routing.recipient_delimiter,
        forward=frozenset(str(canonical("filters.forward", _target, target)) for target in chosen.forward),
        installs=chosen.managesieve is not None,
    )


def _target(text: str) -> str:
    if text == ANYWHERE:
        return text
    return str(Address.parse(text)) if "@" in text else canonical_domain(text)
