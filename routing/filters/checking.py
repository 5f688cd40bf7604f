"""The rules for rules: one table for a condition, one for an action, one for a rule as a whole.

A pointer (RFC 6901) says where the first flaw is: ``/conditions/0/value``.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from routing.address import Address, AddressSyntaxError
from routing.filters.folders import flaw_of_folder
from routing.filters.model import ACTIONS, FIELDS, MARKS, MATCH_TYPES, Action, Condition, Rule
from routing.filters.policy import FilterPolicy
from routing.filters.text import FORBIDDEN, is_plain

# unit of a size: its octets, and the largest number of it; every implementation of Sieve can count to 2**31
# (RFC 5228 section 2.4.1)
_UNITS = {"": (1, 999_999_999), "K": (2**10, 999_999), "M": (2**20, 999), "G": (2**30, 1)}
_SIZE = re.compile(r"([0-9]{1,9})([KMG]?)")
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")  # RFC 5322 section 3.6.8
# Sieve and the MTA both take it without quotes (RFC 5321 section 4.1.2)
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# What Pigeonhole 0.5.19 reads too widely: before the first ``*`` it counts no ``?`` and compares nothing after one, so
# that ``a?*`` matches ``a``, and ``a?x*`` matches ``abc``
_WIDENED = re.compile(r"(?:\\.|[^*?\\])*\?(?:\\.|[^*\\])*\*")
_NO_WIDENED = (
    "must not have a ? before the first *, as Dovecot would match more by it; begin with *, or leave out the ?"
)
_MOST_FORWARDS = 4  # of one message, as many as Dovecot does (sieve_max_redirects)
_LONGEST_NAME, _LONGEST_VALUE = 100, 500  # characters
_LONGEST_LOCAL, _LONGEST_ADDRESS = 64, 254  # octets (RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a rule, where, and by which rule."""

    pointer: str
    rule: str  # "must ..."

    @property
    def message(self) -> str:
        """The whole sentence."""
        *inside, field = self.pointer.strip("/").split("/")
        name = field.replace("_", " ")
        where = f" of {inside[0].removesuffix('s')} {int(inside[1]) + 1}" if inside else ""
        return f"the {name}{where} {self.rule}"


class InvalidRule(ValueError):
    """A rule that breaks one of the tables. The flaw says where and why."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


Found = Iterable[tuple[str, bool, str]]  # place, whether the rule is broken, the rule


def check(rule: Rule, policy: FilterPolicy) -> None:
    """Check a rule. Raises InvalidRule for its first flaw."""
    for flaw in _flaws(rule, policy):
        raise InvalidRule(flaw)


def octets_of(size: str) -> int | None:
    """Return how many octets a size such as ``500K`` or ``5M`` is (RFC 5228 section 2.4.1); None: it is no size."""
    read = _SIZE.fullmatch(size.upper())
    if read is None:
        return None
    octets, largest = _UNITS[read[2]]
    return int(read[1]) * octets if int(read[1]) <= largest else None


def flaw_of_address(text: str) -> str | None:
    """Return the rule that an address to forward to breaks, None for a good one."""
    try:
        address = Address.parse(text)
    except AddressSyntaxError as error:
        return f"must be an address: {error}"
    if not _LOCAL_PART.fullmatch(address.local) or len(address.local) > _LONGEST_LOCAL:
        return "must have 1 to 64 ordinary characters before the @"
    return None if len(str(address)) <= _LONGEST_ADDRESS else "must be an address of at most 254 characters"


def _flaws(rule: Rule, policy: FilterPolicy) -> Iterator[Flaw]:
    yield from _broken("", _of_rule(rule, policy))
    for number, condition in enumerate(rule.conditions):
        yield from _broken(f"/conditions/{number}", _of_condition(condition))
    for number, action in enumerate(rule.actions):
        yield from _broken(f"/actions/{number}", _of_action(action, policy))
    yield from _broken("", _together(rule))


def _broken(place: str, found: Found) -> Iterator[Flaw]:
    return (Flaw(place + pointer, rule) for pointer, broken, rule in found if broken)


def _of_rule(rule: Rule, policy: FilterPolicy) -> Found:
    name, conditions, actions = rule.name, len(rule.conditions), len(rule.actions)
    yield "/name", not 1 <= len(name) <= _LONGEST_NAME, f"must have 1 to {_LONGEST_NAME} characters"
    yield "/name", not is_plain(name), FORBIDDEN
    yield "/name", name != name.strip(), "must not begin or end with a blank"
    yield "/match_type", rule.match_type not in MATCH_TYPES, f"must be {' or '.join(MATCH_TYPES)}"
    yield "/conditions", conditions < 1, "must be one at least"
    yield "/conditions", conditions > policy.max_conditions, f"must be at most {policy.max_conditions}"
    yield "/actions", not rule.actions and not rule.stop, "must be one at least, unless the rule stops"
    yield "/actions", actions > policy.max_actions, f"must be at most {policy.max_actions}"


def _of_condition(condition: Condition) -> Found:
    known, value, name = FIELDS.get(condition.field), condition.value, condition.header_name
    yield "/field", known is None, f"must be one of {', '.join(FIELDS)}"
    fitting = known or ()
    yield "/operator", condition.operator not in fitting, f"must be one of {', '.join(fitting)} for {condition.field}"
    yield "/value", not 1 <= len(value) <= _LONGEST_VALUE, f"must have 1 to {_LONGEST_VALUE} characters"
    yield "/value", not is_plain(value), FORBIDDEN
    if condition.operator == "matches":
        yield "/value", _WIDENED.match(value) is not None, _NO_WIDENED
    if condition.field == "size":
        yield (
            "/value",
            octets_of(value) is None,
            "must be a number of octets, or of K, M or G, such as 5M; at most 1G",
        )
    if condition.field == "header":
        good = name is not None and _HEADER_NAME.fullmatch(name) is not None
        yield "/header_name", not good, "must be the name of a header field, such as List-Id"
    else:
        yield "/header_name", name is not None, "must be given for the field header only"


def _of_action(action: Action, policy: FilterPolicy) -> Found:
    yield "/type", action.type not in ACTIONS, f"must be one of {', '.join(ACTIONS)}"
    kind, value = ACTIONS.get(action.type), action.value
    if kind is None:
        yield "/value", value is not None, f"must not be given for {action.type}"
        return
    yield "/value", not value, f"must be given for {action.type}: {_WHAT[kind]}"
    flaw = {"folder": flaw_of_folder(value or "", policy.separator), "address": flaw_of_address(value or "")}.get(kind)
    yield "/value", flaw is not None, flaw or ""
    yield "/value", kind == "mark" and value not in MARKS, f"must be {' or '.join(MARKS)}"


def _together(rule: Rule) -> Found:
    types = [action.type for action in rule.actions]
    kept = {"move", "mark", "flag"} & set(types)
    yield "/actions", types.count("move") > 1, "must move to one folder; copy to further ones"
    yield "/actions", "discard" in types and bool(kept), "must not discard what they move, mark or flag"
    yield "/actions", types.count("forward") > _MOST_FORWARDS, f"must forward to at most {_MOST_FORWARDS} addresses"
    yield "/actions", len(set(rule.actions)) < len(types), "must not be the same twice"


_WHAT = {"folder": "a folder", "address": "an address", "mark": " or ".join(MARKS)}
