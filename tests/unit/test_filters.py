"""Filter rules: what they may be, and that the script written from them says the same, whatever stands in them."""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.address import Address
from routing.domain import DomainSyntaxError, canonical_domain
from routing.filters.checking import InvalidRule, check
from routing.filters.model import Action, ActionType, Condition, Rule, actions_of, conditions_of
from routing.filters.naming import forwards_to, names
from routing.filters.policy import FilterPolicy
from routing.filters.script import as_pattern, quoted, sieve_script
from routing.filters.text import is_plain
from tests.unit.sieve_reader import SieveReader

POLICY = FilterPolicy()
SALES = Condition("delivered_to", "is", "sales@brand-b.test")
MOVE = Action("move", "Sales")
RULE = Rule("Sales", "all", (SALES,), (MOVE,))

# What is dear to parsers of Sieve.
NASTY = [
    '"',
    "\\",
    '\\"',
    '";',
    "#",
    "/*",
    "*/",
    "text:",
    "}",
    "${hex: 22}",
    "%",
    "]",
    "stop;",
    "\u00dc",
    "\U0001f600",
    "\u200d",
]


def texts(longest: int) -> st.SearchStrategy[str]:
    pieces = st.one_of(st.sampled_from(NASTY), st.characters(codec="utf-8"))
    return (
        st.lists(pieces, min_size=1, max_size=12)
        .map("".join)
        .filter(lambda text: is_plain(text) and len(text) <= longest)
    )


def fits(rule: Rule) -> bool:
    try:
        check(rule, POLICY)
    except InvalidRule:
        return False
    return True


FOLDERS = texts(30).filter(lambda name: fits(replace(RULE, actions=(Action("move", name),))))
CONDITIONS = st.one_of(
    st.builds(
        Condition,
        st.sampled_from(["delivered_to", "from", "to", "subject"]),
        st.sampled_from(["is", "contains", "starts", "ends", "matches"]),
        texts(100),
    ),
    st.builds(
        Condition,
        st.just("header"),
        st.sampled_from(["is", "contains", "matches"]),
        texts(100),
        st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=20),
    ),
    st.builds(
        Condition, st.just("size"), st.sampled_from(["over", "under"]), st.sampled_from(["1", "500K", "5m", "1G"])
    ),
)
ACTIONS = st.one_of(
    st.builds(Action, st.just("copy"), FOLDERS),
    st.builds(Action, st.just("forward"), st.sampled_from(["a@b.test", "o'x{}$%@b.test"])),
    st.sampled_from([Action("mark", "read"), Action("flag")]),
)
RULES = st.builds(
    Rule,
    texts(100).filter(lambda name: name == name.strip()),
    st.sampled_from(["all", "any"]),
    st.lists(CONDITIONS, min_size=1, max_size=3).map(tuple),
    st.lists(ACTIONS, max_size=3, unique=True).map(tuple),
    st.just(True),
    st.booleans(),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(RULES, max_size=4), st.one_of(st.none(), texts(40)))
def test_no_rule_changes_another(rules: list[Rule], own: str | None) -> None:
    """An independent reader finds each rule again as it was, in its order, and nothing else."""
    for rule in rules:
        check(rule, POLICY)
    reader = SieveReader(sieve_script(rules, POLICY, own_script=own))
    commands = reader.read()
    used = [rule for rule in rules if rule.enabled]
    if used or own is not None:
        needed = {one for rule in used for action in rule.actions for one in NEEDED[action.type]}
        required = {"include"} if own is not None else set()
        if needed | required:
            name, arguments, _ = commands.pop(0)
            assert (name, sorted(arguments[0])) == ("require", sorted(needed | required))
    if own is not None:
        assert commands.pop() == ("include", [":personal", ":optional", [own]], None)
    assert commands == [meaning(rule) for rule in used]
    assert [one for one in reader.comments if one.startswith(" rule:")] == [f" rule:[{rule.name}]" for rule in used]


NEEDED: dict[ActionType, set[str]] = {
    "copy": {"copy", "fileinto", "mailbox"},
    "forward": {"copy"},
    "mark": {"imap4flags"},
    "flag": {"imap4flags"},
}


def meaning(rule: Rule) -> Any:
    """What the reader must find, without a quotation mark."""
    order = ["mark", "flag", "copy", "forward"]
    actions = [does(one) for one in sorted(rule.actions, key=lambda action: order.index(action.type))]
    tests = [condition_means(one) for one in rule.conditions]
    return "if", [("allof" if rule.match_type == "all" else "anyof", [tests])], [*actions, ("stop", [], None)]


def does(action: Action) -> Any:
    value = action.value or ""
    means: dict[str, Callable[[], Any]] = {
        "copy": lambda: ("fileinto", [":copy", ":create", [nfc(value).replace("/", ".")]], None),
        "forward": lambda: ("redirect", [":copy", [value]], None),
        "mark": lambda: ("addflag", [["\\Seen"]], None),
        "flag": lambda: ("addflag", [["\\Flagged"]], None),
    }
    return means[action.type]()


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def condition_means(condition: Condition) -> Any:
    value, operator = condition.value, condition.operator
    if condition.field == "size":
        return "size", [f":{operator}", {"1": "1", "500K": "512000", "5m": "5242880", "1G": "1073741824"}[value]]
    fields = {"delivered_to": ["Delivered-To"], "from": ["From"], "to": ["To", "Cc"], "subject": ["Subject"]}
    found = fields.get(condition.field, [condition.header_name])
    if ("@" in value or "." in value) and not value.isascii():
        value = value_with_a_labels(value, condition.field)
    keys = {
        "is": [value], "contains": [value], "matches": [value],
        "starts": [f"{as_pattern(value)}*"], "ends": [f"*{as_pattern(value)}"],
    }[operator]  # fmt: skip
    if condition.field == "delivered_to" and operator == "is":
        keys = with_any_detail(value)
    tag = "matches" if operator in {"starts", "ends"} or keys != [value] or is_name(condition) else operator
    about = condition.field in {"from", "to"} and operator != "contains"
    return ("address", [":all", f":{tag}", found, keys]) if about else ("header", [f":{tag}", found, keys])


def is_name(condition: Condition) -> bool:
    return condition.field == "delivered_to" and condition.operator == "is"


def with_any_detail(value: str) -> list[str]:
    local, at, domain = value.rpartition("@")
    if not at or "+" in local[1:]:
        return [as_pattern(value)]
    return [as_pattern(value), f"{as_pattern(local)}+*@{as_pattern(domain)}"]


def value_with_a_labels(value: str, field: str) -> str:
    before, at, domain = value.rpartition("@")
    try:
        return f"{before}{at}{canonical_domain(domain)}" if field in {"delivered_to", "from", "to"} else value
    except DomainSyntaxError:
        return value


@pytest.mark.parametrize("bad", ["a\nb", "a\r", "\0", "\x1b", "\u2028", "\u2029", "\x85", "\ud800"])
def test_what_could_end_a_line_is_refused_everywhere(bad: str) -> None:
    rules = {
        "/name": replace(RULE, name=f"x{bad}"),
        "/conditions/0/value": replace(RULE, conditions=(replace(SALES, value=bad),)),
        "/conditions/0/header_name": replace(RULE, conditions=(Condition("header", "is", "x", f"X{bad}"),)),
        "/actions/0/value": replace(RULE, actions=(Action("move", f"A{bad}"),)),
    }
    for pointer, rule in rules.items():
        assert flaw(rule)[0] == pointer
    with pytest.raises(ValueError, match="control characters"):
        quoted(bad)


def flaw(rule: Rule, policy: FilterPolicy = POLICY) -> tuple[str, str]:
    with pytest.raises(InvalidRule) as caught:
        check(rule, policy)
    return caught.value.flaw.pointer, caught.value.flaw.message


def conditions(*found: Condition) -> Rule:
    return replace(RULE, conditions=found)


def actions(*found: Action) -> Rule:
    return replace(RULE, actions=found)


@pytest.mark.parametrize(
    ("rule", "pointer", "says"),
    [
        (replace(RULE, name=""), "/name", "the name must have 1 to 100 characters"),
        (replace(RULE, name=" x"), "/name", "must not begin or end with a blank"),
        (replace(RULE, match_type="none"), "/match_type", "all or any"),  # type: ignore[arg-type]
        (conditions(), "/conditions", "the conditions must be one at least"),
        (conditions(*[SALES] * 21), "/conditions", "at most 20"),
        (replace(RULE, actions=()), "/actions", "the actions must be one at least, unless the rule stops"),
        (actions(*[Action("copy", f"f{n}") for n in range(11)]), "/actions", "at most 10"),
        (conditions(SALES, Condition("body", "is", "x")), "/conditions/1/field", "the field of condition 2 must"),  # type: ignore[arg-type]
        (conditions(Condition("subject", "over", "1")), "/conditions/0/operator", "is, contains"),
        (conditions(Condition("size", "is", "1")), "/conditions/0/operator", "over, under for size"),
        (conditions(Condition("size", "over", "2G")), "/conditions/0/value", "at most 1G"),
        (conditions(Condition("size", "over", "-1")), "/conditions/0/value", "number of octets"),
        (conditions(Condition("subject", "is", "")), "/conditions/0/value", "1 to 500"),
        (conditions(Condition("subject", "matches", "a?x*")), "/conditions/0/value", "? before the first *"),
        (conditions(Condition("subject", "matches", "\\*?*")), "/conditions/0/value", "? before the first *"),
        (conditions(Condition("header", "is", "x")), "/conditions/0/header_name", "name of a header field"),
        (conditions(Condition("header", "is", "x", "A:B")), "/conditions/0/header_name", "name of a header field"),
        (conditions(Condition("subject", "is", "x", "A")), "/conditions/0/header_name", "field header only"),
        (actions(Action("reject", "x")), "/actions/0/type", "must be one of move"),  # type: ignore[arg-type]
        (actions(Action("move")), "/actions/0/value", "must be given for move: a folder"),
        (actions(Action("flag", "x")), "/actions/0/value", "must not be given for flag"),
        (actions(Action("mark", "unread")), "/actions/0/value", "must be read"),
        (actions(Action("forward", "x")), "/actions/0/value", "there is no @"),
        (actions(Action("forward", '"a b"@c.test')), "/actions/0/value", "ordinary characters"),
        (actions(Action("forward", f"{'x' * 65}@c.test")), "/actions/0/value", "1 to 64"),
        (actions(Action("forward", f"{'x' * 60}@{'c.' * 110}test")), "/actions/0/value", "at most 254"),
        (actions(Action("move", "a/")), "/actions/0/value", "empty part"),
        (actions(Action("move", "a / b")), "/actions/0/value", "blank"),
        (actions(Action("move", "../b")), "/actions/0/value", "must not"),
        (actions(Action("move", "~root")), "/actions/0/value", "begin with ~"),
        (actions(Action("move", "a*")), "/actions/0/value", "* or %"),
        (actions(Action("move", "a.b")), "/actions/0/value", "must not hold ., which the mail store"),
        (actions(Action("move", "\u00e4" * 90)), "/actions/0/value", "at most 200 octets"),
        (actions(MOVE, Action("move", "B")), "/actions", "move to one folder"),
        (actions(MOVE, Action("discard")), "/actions", "must not discard what"),
        (actions(*[Action("forward", f"{n}@b.test") for n in range(5)]), "/actions", "at most 4 addresses"),
        (actions(Action("flag"), Action("flag")), "/actions", "same twice"),
    ],
)  # fmt: skip
def test_what_is_refused(rule: Rule, pointer: str, says: str) -> None:
    found, message = flaw(rule)
    assert found == pointer
    assert says in message


@pytest.mark.parametrize(
    "rule",
    [
        replace(RULE, actions=(), stop=True),
        actions(Action("forward", "a@b.test"), Action("discard")),
        actions(Action("move", "Kunden/\u00dcber \U0001f468\u200d\U0001f469")),
        conditions(Condition("header", "matches", "*", 'X-"\\')),
    ],
)
def test_what_is_allowed(rule: Rule) -> None:
    check(rule, POLICY)


def test_the_separator_is_the_stores() -> None:
    slashes = replace(POLICY, separator="/")
    check(actions(Action("move", "a.b/c")), slashes)
    assert 'fileinto :create "a.b/c";' in sieve_script([actions(Action("move", "a.b/c"))], slashes)


def test_from_json() -> None:
    found = conditions_of([{"field": "header", "operator": "is", "value": "x", "header_name": "A"}])
    assert found == (Condition("header", "is", "x", "A"),)
    assert actions_of([{"type": "flag"}]) == (Action("flag"),)


@pytest.mark.parametrize(
    ("name", "delimiter", "patterns"),
    [
        ("sales@brand-b.test", "+", '["sales@brand-b.test", "sales+*@brand-b.test"]'),
        ("sales+x@brand-b.test", "+", '"sales+x@brand-b.test"'),  # has a detail already
        ("sales", "+", '"sales"'),
        ("sales@brand-b.test", "", '"sales@brand-b.test"'),
    ],
)
def test_a_name_is_meant_with_any_detail(name: str, delimiter: str, patterns: str) -> None:
    policy = replace(POLICY, delimiter=delimiter)
    script = sieve_script([conditions(Condition("delivered_to", "is", name))], policy)
    assert f'header :matches "Delivered-To" {patterns}' in script


def test_a_domain_is_written_as_mail_has_it() -> None:
    script = sieve_script([conditions(Condition("from", "ends", "@b\u00fccher.test"))], POLICY)
    assert '"*@xn--bcher-kva.test"' in script


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("bücher.test", "xn--bcher-kva.test"),
        ("Müller", "Müller"),
        ("Dr. Müller", "Dr. Müller"),
        ("@bücher", "@xn--bcher-kva"),
    ],
)
def test_a_domain_is_in_a_labels_and_a_name_is_not(value: str, key: str) -> None:
    script = sieve_script([conditions(Condition("from", "contains", value))], POLICY)
    assert f'header :contains "From" "{key}"' in script


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        (SALES, True),
        (Condition("delivered_to", "is", "SALES@brand-b.test"), True),
        (Condition("delivered_to", "contains", "sales@"), True),
        (Condition("delivered_to", "starts", "sales"), True),
        (Condition("delivered_to", "matches", "sa?es*"), False),  # does not hold its name
        (Condition("delivered_to", "matches", "sales@*"), True),
        (Condition("delivered_to", "matches", "sales\\@*x"), False),
        (Condition("delivered_to", "ends", "@brand-b.test"), False),
        (Condition("delivered_to", "ends", "les@brand-b.test"), False),
        (Condition("header", "is", "sales@brand-b.test", "delivered-to"), True),
        (Condition("header", "is", "sales@brand-b.test", "X"), False),
        (Condition("to", "is", "sales@brand-b.test"), True),
        (Condition("from", "is", "sales@brand-b.test"), False),
        (Condition("delivered_to", "is", "presales@brand-b.test"), False),
    ],
)
def test_which_rules_name_an_alias(condition: Condition, named: bool) -> None:
    assert names(conditions(condition), "sales@brand-b.test") == named


def test_which_rules_forward_to_it() -> None:
    rule = actions(MOVE, Action("forward", "Sales@Brand-B.test"))
    assert forwards_to(rule, "sales@brand-b.test")
    assert not forwards_to(rule, "ales@brand-b.test")


def all_lets_out(forward: Iterable[str]) -> list[bool]:
    policy = replace(POLICY, forward=frozenset(forward))
    return [policy.lets_out(Address.parse(one)) for one in ("a@x.test", "b@x.test", "a@y.test")]


@pytest.mark.parametrize(
    ("forward", "out"),
    [([], [False] * 3), (["*"], [True] * 3), (["x.test"], [True, True, False]), (["a@x.test"], [True, False, False])],
)
def test_where_rules_may_forward_to(forward: list[str], out: list[bool]) -> None:
    assert all_lets_out(forward) == out
