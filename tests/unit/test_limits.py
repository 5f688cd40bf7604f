"""What a milter takes on for one message, and what it refuses."""

import pytest

from routing.address import Address
from routing.limits import (
    MALFORMED_NAME,
    MOST_NAMES,
    MOST_VOUCHED,
    TOO_MANY_FIELDS,
    judge_field_name,
    judge_stripping,
    most_actions,
    new_trace_fields,
)
from routing.policy import Policy
from routing.trace import DELIVERED_TO, TRACE, delivered_to_fields

KEY, NOW = b"k" * 32, 1_000_000.0
POLICY = Policy(max_stripped_fields=3)


@pytest.mark.parametrize("name", ["X", "From", "From ", "X-A \t", "!", "~", "a.b/c", "X" * 64, "X" * 65])
def test_good_names(name: str) -> None:
    assert judge_field_name(name) is None


@pytest.mark.parametrize(
    "name", ["", " ", "\t", "X Y", " X", "X:", "X\x01", "X\x7f", "\xe4", "X\udcff", "X\xa0", "X\n", "X" * 65 + " X"]
)
def test_bad_names(name: str) -> None:
    assert judge_field_name(name) == MALFORMED_NAME
    assert str(MALFORMED_NAME.reply) == "550 5.6.0 The name of a header field is malformed"


@pytest.mark.parametrize(
    ("delivered_to", "traces", "is_refused"), [(0, 0, False), (3, 0, False), (1, 2, False), (2, 2, True), (0, 4, True)]
)
def test_strangers_fields(delivered_to: int, traces: int, *, is_refused: bool) -> None:
    trace_fields = new_trace_fields(POLICY)
    for name, many in ((DELIVERED_TO, delivered_to), (TRACE, traces)):
        for _ in range(many):
            trace_fields.add(name, b" x")
    verdict = judge_stripping(POLICY, trace_fields, trace_fields.judge(KEY, NOW))
    assert verdict == (TOO_MANY_FIELDS if is_refused else None)


def test_our_own_fields_do_not_count() -> None:
    names = [Address.parse(f"n{number}@a.test") for number in range(MOST_NAMES)]
    trace_fields = new_trace_fields(POLICY)
    for name, value in delivered_to_fields(KEY, "<i@x>", names, NOW):
        trace_fields.add(name, f" {value}".encode())
    trace_fields.add("Message-ID", b" <i@x>")
    findings = trace_fields.judge(KEY, NOW)
    assert len(findings.vouched) == MOST_NAMES
    assert judge_stripping(POLICY, trace_fields, findings) is None


def test_no_more_fields_are_kept_than_may_matter() -> None:
    trace_fields = new_trace_fields(POLICY)
    for _ in range(MOST_VOUCHED + 3):
        trace_fields.add(DELIVERED_TO, b" x")
    assert not trace_fields.is_too_long
    trace_fields.add(DELIVERED_TO, b" x")
    assert trace_fields.is_too_long
    assert trace_fields.judge(None, NOW).removals == MOST_VOUCHED + 3
    assert (
        judge_stripping(Policy(max_stripped_fields=10**6), trace_fields, trace_fields.judge(None, NOW))
        == TOO_MANY_FIELDS
    )


def test_of_a_long_value_nothing_is_kept_that_equals_one_of_ours() -> None:
    name = Address.parse("sales@a.test")
    trace_fields = new_trace_fields(POLICY)
    for field, value in delivered_to_fields(KEY, "", [name], NOW):
        trace_fields.add(
            field, f" {value}{' ' * 5000}evil@x.test".encode() if field == DELIVERED_TO else value.encode()
        )
    assert trace_fields.judge(KEY, NOW).removals == 2


def test_most_actions() -> None:
    assert most_actions(Policy()) == 3 * 1000 + 2 + 50 + 16
    assert most_actions(Policy(colleague_names="mark")) == 3 * 1000 + 2 + 50 + 16 + 51
