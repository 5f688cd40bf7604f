"""Whether a rule names an address: by a condition on whom mail was written to, or as a target of forwarding."""

import re

from routing.filters.model import Condition, Rule
from routing.trace import DELIVERED_TO

_WILD = {"*": ".*", "?": "."}
_TOKEN = re.compile(r"\\(.)|(.)", re.DOTALL)


def names(rule: Rule, address: str) -> bool:
    """True for a rule that would not do the same if the address were gone: a condition tells it from others.

    A condition for all addresses of a domain names none of them.

    Args:
        rule: any.
        address: canonical, without a detail.
    """
    return any(_tells(condition, address) for condition in rule.conditions)


def forwards_to(rule: Rule, address: str) -> bool:
    """True for a rule that forwards to an address, which is canonical."""
    return any(target.lower() == address for target in rule.forwards)


def _tells(condition: Condition, address: str) -> bool:
    local = address.rpartition("@")[0]
    return _is_about_recipients(condition) and local in condition.value.lower() and _fits(condition, address)


def _is_about_recipients(condition: Condition) -> bool:
    if condition.field == "header":
        return (condition.header_name or "").lower() == DELIVERED_TO.lower()
    return condition.field in {"delivered_to", "to"}


def _fits(condition: Condition, address: str) -> bool:
    value = condition.value.lower()
    if condition.operator == "matches":
        return _regex(value).fullmatch(address) is not None
    return {
        "is": value == address,
        "contains": value in address,
        "starts": address.startswith(value),
        "ends": address.endswith(value),
    }[condition.operator]


def _regex(pattern: str) -> re.Pattern[str]:
    """Return what a pattern of ``:matches`` means (RFC 5228 section 2.7.1)."""
    parts = (
        _WILD.get(plain, re.escape(plain)) if plain else re.escape(quoted) for quoted, plain in _TOKEN.findall(pattern)
    )
    return re.compile("".join(parts), re.DOTALL)
