"""The reply table: well-formed codes, and texts that fit on one ASCII line."""

import re

import pytest

from routing.replies import REPLIES, Reply, reply


@pytest.mark.parametrize("slug", REPLIES)
def test_each_reply_is_well_formed(slug: str) -> None:
    made = reply(slug, address="a@b.test", login="c@d.test", reason="why")
    assert re.fullmatch(r"[45]\d\d [45]\.\d\.\d+ [ -~]{10,200}", str(made))
    assert str(made.code)[0] == made.enhanced[0]
    assert "{" not in made.text
    assert made.is_temporary is (made.code < 500)


def test_there_is_no_other_reply() -> None:
    with pytest.raises(KeyError):
        reply("nonsense")


def test_a_reply_prints_as_the_client_sees_it() -> None:
    assert str(Reply(550, "5.1.1", "no")) == "550 5.1.1 no"
