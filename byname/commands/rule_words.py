"""Conditions and actions of rules as one writes them on the command line: words between blanks."""

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from routing.filters.model import Action, ActionType, Condition, Field, Operator

_HEADER = "header:"


def condition_of(text: str) -> "Condition":
    """Read ``FIELD OPERATOR VALUE``; the field of the header is ``header:List-Id``.

    Whether there is such a field and operator is for the service to say.
    """
    from routing.filters.model import Condition

    field, operator, value = [*text.split(maxsplit=2), "", "", ""][:3]
    name = field.removeprefix(_HEADER) if field.startswith(_HEADER) else None
    return Condition(cast("Field", "header" if name is not None else field), cast("Operator", operator), value, name)


def condition_words(condition: "Condition") -> str:
    """Return a condition as :func:`condition_of` reads it."""
    field = condition.field if condition.header_name is None else f"{_HEADER}{condition.header_name}"
    return f"{field} {condition.operator} {condition.value}"


def action_of(text: str) -> "Action":
    """Read ``ACTION [VALUE]``."""
    from routing.filters.model import Action

    kind, _, value = text.strip().partition(" ")
    return Action(cast("ActionType", kind), value.strip() or None)


def action_words(action: "Action") -> str:
    """Return an action as :func:`action_of` reads it."""
    return action.type if action.value is None else f"{action.type} {action.value}"
