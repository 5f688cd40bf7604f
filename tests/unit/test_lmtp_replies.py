"""The store's words as the sender may read them: the name written, never the mailbox."""

import pytest

from edges.lmtp.replies import StoreReply, on_wire, passed_on
from routing.address import Address
from routing.replies import Reply

JOHN, DETAIL = Address.parse("john@brand-a.test"), Address.parse("john+x@brand-a.test")
SALES = Address.parse("sales@brand-b.test")

CASES = [  # code and lines of the store, what is passed on
    (250, ["2.0.0 <john@brand-a.test> 8xYz Saved"], "250 2.0.0 <sales@brand-b.test> 8xYz Saved"),
    (550, ["5.1.1 <JOHN@Brand-A.test> User doesn't exist: john@brand-a.test"],
     "550 5.1.1 <sales@brand-b.test> User doesn't exist: sales@brand-b.test"),
    (552, ["5.2.2 <john+x@brand-a.test> Quota exceeded"], "552 5.2.2 <sales@brand-b.test> Quota exceeded"),
    (452, ["4.2.2 full"], "452 4.2.2 full"),
    (550, ["no such user"], "550 5.0.0 no such user"),
    (250, [""], "250 2.0.0 (no reason given)"),
    (250, ["2.6.0"], "250 2.6.0 (no reason given)"),
    (550, ["4.2.2 says one thing"], "550 5.0.0 says one thing"),
    (550, ["5.7.1 one", "5.7.1 two"], "550 5.7.1 one two"),
    (421, ["4.3.2 going away"], "451 4.3.2 going away"),
    (550, ["5.1.1 xjohn@brand-a.test, john@brand-a.test-x"], "550 5.1.1 xjohn@brand-a.test, john@brand-a.test-x"),
    (550, ["5.1.1 mailto:john@brand-a.test."], "550 5.1.1 mailto:sales@brand-b.test."),
]  # fmt: skip


@pytest.mark.parametrize(("code", "lines", "expected"), CASES)
def test_passed_on(code: int, lines: list[str], expected: str) -> None:
    assert str(passed_on(StoreReply(code, tuple(lines)), (DETAIL, JOHN), SALES)) == expected


def test_the_mailbox_itself_reads_the_words_as_they_are() -> None:
    word = StoreReply(550, ("5.1.1 <john@brand-a.test> no",))
    assert str(passed_on(word, (JOHN, JOHN), JOHN)) == "550 5.1.1 <john@brand-a.test> no"


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("plain", b"550 5.1.1 plain\r\n"),
        ("two\r\nlines", b"550 5.1.1 two??lines\r\n"),
        ("ü\udcff\x7f", b"550 5.1.1 \\xfc\\udcff?\r\n"),
        ("x" * 600, b"550 5.1.1 " + b"x" * 490 + b"\r\n"),
    ],
)
def test_one_short_line_of_ascii(text: str, wire: bytes) -> None:
    assert on_wire(Reply(550, "5.1.1", text)) == wire
