"""The form for a filter rule: what was typed into it, as a rule and back.

Rows that are empty do not count, so that the form has some to spare without JavaScript.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import cast

from admin_api.dashboard.frame.form import Form
from routing.filters.model import Action, ActionType, Condition, Field, MatchType, Operator, Rule

_SPARE = 2  # empty rows for conditions
_REPEATED: tuple[ActionType, ...] = ("copy", "forward")
_SWITCHES: tuple[tuple[str, Action], ...] = (
    ("mark", Action("mark", "read")),
    ("flag", Action("flag")),
    ("discard", Action("discard")),
)
_EMPTY = Condition("delivered_to", "is", "")


@dataclass(frozen=True, slots=True)
class Filled:
    """The form as it is shown: rows with some to spare, and what stands in each field."""

    name: str
    match_type: str
    conditions: Sequence[Condition]
    move: str
    copy: Sequence[str]
    forward: Sequence[str]
    switches: frozenset[str]
    stop: bool


def rule_of(form: Form, *, enabled: bool = True) -> Rule:
    """Return the rule that a form describes; whether it is a good one is for the service to say."""
    values = [form.all(name) for name in ("field", "operator", "value", "header_name")]
    rows = (_condition(*row) for row in zip_longest(*values, fillvalue=""))
    return Rule(
        name=form.get("name", "").strip(),
        match_type=cast("MatchType", form.get("match_type", "all")),
        conditions=tuple(row for row in rows if row.value or row.header_name),
        actions=tuple(_actions(form)),
        stop=form.get("stop") == "on",
        enabled=enabled,
    )


def filled(rule: Rule | None) -> Filled:
    """Return the form for a rule; None: an empty one."""
    if rule is None:
        return Filled("", "all", [_EMPTY] * _SPARE, "", [""], [""], frozenset(), stop=False)
    values = {kind: [one.value or "" for one in rule.actions if one.type == kind] for kind in ("move", *_REPEATED)}
    return Filled(
        name=rule.name,
        match_type=rule.match_type,
        conditions=[*rule.conditions, *[_EMPTY] * _SPARE],
        move="".join(values["move"][:1]),
        copy=[*values["copy"], ""],
        forward=[*values["forward"], ""],
        switches=frozenset(name for name, action in _SWITCHES if action in rule.actions),
        stop=rule.stop,
    )


def _condition(field: str, operator: str, value: str, name: str) -> Condition:
    header = name.strip() or None
    return Condition(cast("Field", field), cast("Operator", operator), value.strip(), header)


def _actions(form: Form) -> list[Action]:
    move = form.get("move", "").strip()
    found = [Action("move", move)] if move else []
    for kind in _REPEATED:
        found += [Action(kind, value.strip()) for value in form.all(kind) if value.strip()]
    return found + [action for name, action in _SWITCHES if form.get(name) == "on"]
