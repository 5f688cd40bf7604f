"""What a rule is: conditions on a message, what is done with one that fits, and their form as JSON (docs/filters.md).

Fields and operators are one table, as are the actions; ``checking`` and ``script`` read them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Operator = Literal["is", "contains", "starts", "ends", "matches", "over", "under"]
Field = Literal["delivered_to", "from", "to", "subject", "header", "size"]
ActionType = Literal["move", "copy", "forward", "mark", "flag", "discard"]
MatchType = Literal["all", "any"]

TEXT_OPERATORS: tuple[Operator, ...] = ("is", "contains", "starts", "ends", "matches")
SIZE_OPERATORS: tuple[Operator, ...] = ("over", "under")

# field: the operators that it takes
FIELDS: Mapping[str, tuple[Operator, ...]] = {
    "delivered_to": TEXT_OPERATORS,
    "from": TEXT_OPERATORS,
    "to": TEXT_OPERATORS,
    "subject": TEXT_OPERATORS,
    "header": TEXT_OPERATORS,
    "size": SIZE_OPERATORS,
}

# action: what its value is; None: it has none
ACTIONS: Mapping[str, str | None] = {
    "move": "folder",
    "copy": "folder",
    "forward": "address",
    "mark": "mark",
    "flag": None,
    "discard": None,
}
MARKS: Mapping[str, str] = {"read": "\\Seen"}  # value of ``mark``: the flag of IMAP
FLAGGED = "\\Flagged"
UNNAMED = "Rule"  # what a rule is called that was given no name
MATCH_TYPES: tuple[MatchType, ...] = ("all", "any")


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that a message has to fulfil."""

    field: Field
    operator: Operator
    value: str
    header_name: str | None = None  # of the field ``header`` only


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that is done with a message: ``value`` is a folder, an address or a mark, by the type."""

    type: ActionType
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done with messages that fit. Without an action and with ``stop`` they stay where they are."""

    name: str
    match_type: MatchType
    conditions: tuple[Condition, ...]
    actions: tuple[Action, ...]
    stop: bool = False  # no later rule sees the message
    enabled: bool = True

    @property
    def forwards(self) -> tuple[str, ...]:
        """The addresses to which it forwards."""
        return tuple(one.value for one in self.actions if one.type == "forward" and one.value is not None)


def conditions_of(found: Sequence[Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Return conditions from their JSON."""
    return tuple(Condition(one["field"], one["operator"], one["value"], one.get("header_name")) for one in found)


def actions_of(found: Sequence[Mapping[str, Any]]) -> tuple[Action, ...]:
    """Return actions from their JSON."""
    return tuple(Action(one["type"], one.get("value")) for one in found)
