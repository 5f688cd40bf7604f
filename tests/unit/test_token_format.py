"""The text of tokens: what is made is well formed, and a mistyped one is not."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import token_format

PREFIXES = ("bn_ops_", "bn_msg_", "bn_opr_")
BASE62 = string.digits + string.ascii_letters


def test_the_shape() -> None:
    made = token_format.make("bn_ops_")
    assert made.startswith("bn_ops_")
    assert len(made) == 7 + 30 + 6
    assert set(made[7:]) <= set(BASE62)
    assert token_format.start(made) == made[:11]
    assert len(token_format.digest(made)) == 64


def test_no_two_are_the_same() -> None:
    assert len({token_format.make("bn_ops_") for _ in range(1000)}) == 1000


@given(st.sampled_from(PREFIXES), st.integers(0, 42), st.sampled_from(BASE62 + "_- \n\x00é"))
def test_one_wrong_character(prefix: str, place: int, character: str) -> None:
    made = token_format.make(prefix)
    assert token_format.well_formed(made)
    mistyped = made[:place] + character + made[place + 1 :]
    assert token_format.well_formed(mistyped) == (mistyped == made)


@given(st.sampled_from(PREFIXES), st.integers(0, 41))
def test_two_characters_swapped(prefix: str, place: int) -> None:
    made = token_format.make(prefix)
    swapped = made[:place] + made[place + 1] + made[place] + made[place + 2 :]
    assert token_format.well_formed(swapped) == (swapped == made)


@given(st.one_of(st.text(), st.from_regex(r"bn_(ops|msg|opr)_[0-9A-Za-z]{36}", fullmatch=True)))
def test_made_up_ones(text: str) -> None:
    """One in 62**6 made-up tokens has the right checksum."""
    assert not token_format.well_formed(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(token_format.make("bn_ops_")[:-1], id="too short"),
        pytest.param(token_format.make("bn_ops_") + "\n", id="something behind it"),
        pytest.param(" " + token_format.make("bn_ops_"), id="something before it"),
        pytest.param(
            token_format.make("bn_ops_").replace("bn_ops_", "bn_opr_"), id="the prefix is part of the checksum"
        ),
        pytest.param("", id="nothing"),
    ],
)
def test_not_ours(text: str) -> None:
    assert not token_format.well_formed(text)


def test_any_prefix_will_do() -> None:
    prefixes = ("bn_", "bn_msg_", "x", "other_", "A" * 20)
    assert all(token_format.well_formed(token_format.make(prefix)) for prefix in prefixes)
    assert not token_format.well_formed(token_format.make("A" * 21))
