"""Filter rules in words for people, and the choices of their form."""

from collections.abc import Mapping
from types import MappingProxyType

from routing.filters.model import Action, Condition

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "delivered_to": "Written to",
        "from": "From",
        "to": "To or Cc",
        "subject": "Subject",
        "header": "Another header field",
        "size": "Size",
    }
)
OPERATORS: Mapping[str, str] = MappingProxyType(
    {
        "is": "is",
        "contains": "contains",
        "starts": "begins with",
        "ends": "ends with",
        "matches": "matches (* and ?)",
        "over": "is over",
        "under": "is under",
    }
)
# state of the script: what it is called, and whether that is good
STATES: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "off": ("Not running", False),
        "pending": ("On its way to the mail server", False),
        "installed": ("Installed", True),
        "refused": ("Refused by the mail server", False),
        "foreign": ("Changed by somebody else", False),
    }
)
_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "move": "move to {}",
        "copy": "copy to {}",
        "forward": "forward to {}",
        "mark": "mark as {}",
        "flag": "flag",
        "discard": "throw away",
    }
)


def condition_words(condition: Condition) -> str:
    """Return a condition: ``Written to is sales@brand-b.test``."""
    field = condition.header_name or FIELDS[condition.field]
    return f"{field} {OPERATORS[condition.operator].partition(' (')[0]} {condition.value}"


def action_words(action: Action) -> str:
    """Return an action: ``move to Sales``."""
    return _ACTIONS[action.type].format(action.value)
