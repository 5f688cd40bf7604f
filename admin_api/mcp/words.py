"""The words in which a person is asked about what an agent gave: on one line, cut where they are long."""

from collections.abc import Mapping
from typing import Any

_MOST_SHOWN = 20  # addresses in a question
_LONGEST_SHOWN = 300  # characters of a text in a question

# Actions of a rule after which mail is still in the mailbox, and nowhere else
_HARMLESS = frozenset({"move", "copy", "mark", "flag", "fileinto", "addflag"})


def listed(addresses: list[str]) -> str:
    """Return addresses with commas; of many the first."""
    more = len(addresses) - _MOST_SHOWN
    return ", ".join(addresses[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def line(value: object) -> str:
    """Return a value that the agent gave as one printable line, cut if it is long."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]} ... ({len(text)} characters)"


def lets_go(rule: Mapping[str, Any]) -> bool:
    """Return whether mail leaves by a rule, or is lost; a rule that the API will refuse may look either way."""
    return any(one.get("type") not in _HARMLESS for one in _objects(rule.get("actions")))


def of_rule(rule: Mapping[str, Any]) -> str:
    """Return what a rule does with which mail."""
    joined = " or " if rule.get("match_type") == "any" else " and "
    tests = [_said(one, "header_name", "field", "operator", "value") for one in _objects(rule.get("conditions"))]
    does = [_said(one, "type", "value") for one in _objects(rule.get("actions"))]
    return f"Mail: {line(joined.join(tests))}\nDoes: {line(does)}"


def _said(part: Mapping[str, Any], *names: str) -> str:
    return " ".join(line(part[name]) for name in names if part.get(name))


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
