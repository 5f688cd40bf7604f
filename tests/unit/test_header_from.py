"""The From parser over the table of cases: what passes with which address, what is refused for which reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.header_from import parse_author
from routing.header_refused import REASONS, HeaderRefused
from tests.unit.from_cases import CASES, Case

SHOWING = "display-name-address"  # no reason of the parser's: it depends on who sends


def cases(*, refused: bool) -> list[object]:
    return [pytest.param(case, id=case.id) for case in CASES if (case.rule in REASONS.keys() - {SHOWING}) is refused]


@pytest.mark.parametrize("case", cases(refused=False))
def test_read(case: Case) -> None:
    author = parse_author(case.value)
    assert str(author.address) == case.address
    if case.rule == SHOWING:
        assert any(case.shows[0] in mention for mention in author.mentions), author.mentions
    else:
        assert case.rule == "sender-not-owned" or author.mentions == case.shows


@pytest.mark.parametrize("case", cases(refused=True))
def test_refused(case: Case) -> None:
    with pytest.raises(HeaderRefused) as caught:
        parse_author(case.value)
    assert caught.value.reason == case.rule
    assert str(caught.value) == REASONS[case.rule]


def test_the_table_is_large_and_knows_every_reason_of_a_value() -> None:
    of_headers = {"no-from", "several-from", "several-sender", "too-many-author-fields", "malformed-field-name"}
    assert len(CASES) >= 150
    assert {case.rule for case in CASES} == REASONS.keys() - of_headers - {"hidden-field"} | {
        "owned",
        "sender-not-owned",
        "sender-detail",
    }


@given(st.binary(max_size=200))
def test_any_bytes_give_an_author_or_a_reason(value: bytes) -> None:
    try:
        author = parse_author(value)
    except HeaderRefused as error:
        assert error.reason in REASONS
    else:
        assert author.address.local.isascii()
        assert author.address.domain.isascii()
