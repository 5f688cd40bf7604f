"""Names of chance: what the rules for names allow, whichever is drawn; plain words."""

import pytest

from routing.policy import SYSTEM_ADDRESSES
from store.services.names import check_local_part
from store.services.random_names import STYLES, random_name, words


@pytest.mark.parametrize("style", sorted(STYLES))
def test_what_is_drawn_can_be_a_name(style: str) -> None:
    drawn = {random_name(style) for _ in range(300)}
    assert len(drawn) == 300
    for name in drawn:
        check_local_part(name)


def test_the_words() -> None:
    first, second = words("adjectives"), words("nouns")
    assert len(first) * len(second) * 9000 > 10**9
    for found in (first, second):
        assert list(found) == sorted(set(found))
        assert all(word.isascii() and word.isalpha() and word.islower() and 3 <= len(word) <= 12 for word in found)
        assert not set(found) & SYSTEM_ADDRESSES
