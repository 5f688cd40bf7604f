"""The sender guard over headers as mail programs write them: an own alias passes, everybody else's is refused."""

import pytest

from routing.guard import check_header
from routing.policy import Policy
from routing.raw_message import header_fields
from routing.verdicts import Reject
from tests.unit.client_headers import FOREIGN, JOHN, SHAPES, Shape
from tests.unit.sample_site import DIRECTORY, NOW

PROGRAMS = ("outlook-classic", "outlook-new", "apple-mail-macos", "apple-mail-ios", "apple-mail-redirect",
            "thunderbird", "thunderbird-android", "gmail", "mutt", "k9", "roundcube")  # fmt: skip

each = pytest.mark.parametrize("shape", [pytest.param(shape, id=shape.name) for shape in SHAPES])


def test_every_program_is_there_and_says_where_it_was_seen() -> None:
    names = [shape.name for shape in SHAPES]
    assert len(set(names)) == len(names) >= 25
    assert [program for program in PROGRAMS if not any(name.startswith(program) for name in names)] == []
    assert all(len(shape.source) > 30 for shape in SHAPES)


@each
def test_an_own_alias(shape: Shape) -> None:
    verdict = check_header(DIRECTORY, Policy(), JOHN, header_fields(shape.sent_from()[1] + b"\r\n\r\n"), NOW)
    assert verdict.rule == (shape.refused or "owned")


@each
@pytest.mark.parametrize(("address", "idn"), FOREIGN)
def test_somebody_elses(shape: Shape, address: str, idn: str) -> None:
    verdict = check_header(
        DIRECTORY, Policy(), JOHN, header_fields(shape.sent_from(address, idn)[1] + b"\r\n\r\n"), NOW
    )
    assert isinstance(verdict, Reject)
    assert verdict.rule == "sender-not-owned"
    assert verdict.reply.code == 550
