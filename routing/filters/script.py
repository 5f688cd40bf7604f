"""The Sieve script of a mailbox, written from its rules (RFC 5228, 3894, 5232, 5490, 6609).

A rule is one ``if`` under a comment with its name, the form in which Roundcube reads filters. Whatever stands in a
rule stands in a quoted string or behind a ``#``, and holds no line break (``checking``): so no rule can change what
another one means. ``variables`` and ``encoded-character`` are never required, without which ``${...}`` is itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from routing.address import Address
from routing.domain import DomainSyntaxError, canonical_domain
from routing.filters.checking import octets_of
from routing.filters.folders import stored_name
from routing.filters.model import FLAGGED, MARKS, Action, Condition, Rule
from routing.filters.policy import FilterPolicy
from routing.filters.text import FORBIDDEN, is_plain

_HEAD = "# Written by Byname from the rules of this mailbox. Change the rules, not this script."
_RULE = "# rule:[{name}]\nif {test}\n{{\n{actions}}}\n"
_OWN = "# The owner's own script\ninclude :personal :optional {name};\n"
_PATTERN = re.compile(r"([*?\\])")  # what :matches reads as more than itself (RFC 5228 section 2.7.1)
_ESCAPED = re.compile(r'(["\\])')

# field of a rule: the fields of the header. Delivered-To is Byname's alone (docs/filters.md, "Delivered-To").
_HEADERS = {"delivered_to": ["Delivered-To"], "from": ["From"], "to": ["To", "Cc"], "subject": ["Subject"]}
_OF_ADDRESSES = frozenset({"from", "to"})
_ORDER = ("mark", "flag", "copy", "forward", "move", "discard")  # flags hold for what is filed after them


def sieve_script(rules: Iterable[Rule], policy: FilterPolicy, *, own_script: str | None = None) -> str:
    """Return the script of some checked rules, in their order; those that are switched off are left out.

    Args:
        rules: each has passed ``checking.check``.
        policy: says what the mail store puts between folders, and what begins a detail.
        own_script: name of the user's own script, which runs after the rules unless one of them stops.
    """
    used = [rule for rule in rules if rule.enabled]
    written = [_written(rule, policy) for rule in used]
    if own_script is not None:
        written.append(_OWN.format(name=quoted(own_script)))
    needed = sorted({one for rule in used for one in _extensions(rule)} | ({"include"} if own_script else set()))
    require = f"require {_listed(needed)};\n" if needed else ""
    return f"{_HEAD}\n{require}" + "".join(f"\n{one}" for one in written)


def quoted(text: str) -> str:
    """Return a quoted string (RFC 5228 section 2.4.2). Raises ValueError for text that is not on one line."""
    if not is_plain(text):
        raise ValueError(FORBIDDEN)
    escaped = _ESCAPED.sub(r"\\\1", text)
    return f'"{escaped}"'


def _written(rule: Rule, policy: FilterPolicy) -> str:
    tests = [_test(condition, policy) for condition in rule.conditions]
    word = "allof" if rule.match_type == "all" else "anyof"
    actions = sorted(rule.actions, key=lambda action: _ORDER.index(action.type))
    lines = [_line(one, policy) for one in actions] + (["stop;"] if rule.stop else [])
    body = "".join(f"\t{line}\n" for line in lines)
    return _RULE.format(name=rule.name, test=f"{word} ({', '.join(tests)})", actions=body)


def _test(condition: Condition, policy: FilterPolicy) -> str:
    if condition.field == "size":
        return f"size :{condition.operator} {octets_of(condition.value)}"
    headers = [condition.header_name or ""] if condition.field == "header" else _HEADERS[condition.field]
    tag, keys = _comparison(condition, policy)
    # A name beside the address is found by "contains" alone; the others are about the address.
    is_about_addresses = condition.field in _OF_ADDRESSES and condition.operator != "contains"
    test = "address :all" if is_about_addresses else "header"
    return f"{test} :{tag} {_listed(headers)} {_listed(keys)}"


def _comparison(condition: Condition, policy: FilterPolicy) -> tuple[str, Sequence[str]]:
    """Return the match type and its keys. All compare ASCII letters in any case (RFC 5228 section 2.7.3)."""
    value, operator = condition.value, condition.operator
    if condition.field in _HAVE_DOMAINS:
        value = _with_a_labels(value)
    if operator == "is" and condition.field == "delivered_to":
        return "matches", _with_any_detail(value, policy.delimiter)
    if operator in {"is", "contains", "matches"}:
        return operator, [value]
    pattern = as_pattern(value)
    return "matches", [f"{pattern}*" if operator == "starts" else f"*{pattern}"]


def _with_any_detail(name: str, delimiter: str) -> Sequence[str]:
    """Return patterns for an address with and without a detail, by which it is written to as well."""
    local, at, domain = name.rpartition("@")
    if not at or not delimiter or delimiter in local[1:]:
        return [as_pattern(name)]
    return [as_pattern(name), f"{as_pattern(local + delimiter)}*@{as_pattern(domain)}"]


def _with_a_labels(value: str) -> str:
    """Return a value whose domain is in A-labels, as Byname and mail servers write it; a word alone is no domain."""
    before, at, domain = value.rpartition("@")
    if value.isascii() or not (at or "." in value):
        return value
    try:
        return f"{before}{at}{canonical_domain(domain)}"
    except DomainSyntaxError:
        return value


def as_pattern(text: str) -> str:
    """Return the pattern of ``:matches`` that fits this text and no other."""
    return _PATTERN.sub(r"\\\1", text)


def _listed(texts: Sequence[str]) -> str:
    listed = ", ".join(map(quoted, texts))
    return listed if len(texts) == 1 else f"[{listed}]"


def _line(action: Action, policy: FilterPolicy) -> str:
    return _LINES[action.type].format(_ARGUMENTS[action.type](action.value or "", policy))


def _extensions(rule: Rule) -> Iterable[str]:
    return (extension for action in rule.actions for extension in _NEEDED.get(action.type, ()))


_HAVE_DOMAINS = frozenset({"delivered_to", "from", "to"})
_NEEDED = {
    "move": ("fileinto", "mailbox"),
    "copy": ("copy", "fileinto", "mailbox"),
    "forward": ("copy",),
    "mark": ("imap4flags",),
    "flag": ("imap4flags",),
}

# action: its command, and what stands in it
_LINES = {
    "move": "fileinto :create {};",
    "copy": "fileinto :copy :create {};",
    "forward": "redirect :copy {};",
    "mark": "addflag {};",
    "flag": "addflag {};",
    "discard": "discard;",
}
_ARGUMENTS: Mapping[str, Callable[[str, FilterPolicy], str]] = {
    "move": lambda folder, policy: quoted(stored_name(folder, policy.separator)),
    "copy": lambda folder, policy: quoted(stored_name(folder, policy.separator)),
    "forward": lambda address, _: quoted(str(Address.parse(address))),
    "mark": lambda mark, _: quoted(MARKS[mark]),
    "flag": lambda *_: quoted(FLAGGED),
    "discard": lambda *_: "",
}
