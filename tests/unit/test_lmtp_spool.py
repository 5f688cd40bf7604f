"""Where a message ends, however the stream was cut; and what is refused because others would see another end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edges.lmtp.spool import IN_MEMORY, EndOfData, Spool

ENDS = [  # on the wire, content, what follows
    (b".\r\n", b"", b""),
    (b"a\r\n.\r\n", b"a\r\n", b""),
    (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
    (b"\r\n.\r\n", b"\r\n", b""),
    (b"a\r\n..\r\n.\r\n", b"a\r\n..\r\n", b""),
    (b"a\r\n.b\r\n.\r\n", b"a\r\n.b\r\n", b""),
    (b"a\rb\r\n.\r\n", b"a\rb\r\n", b""),
    (b"a\nb\r\n.\r\n", b"a\nb\r\n", b""),
    (b"a\r.\r\r\n.\r\n", b"a\r.\r\r\n", b""),
    (b"\0\xff\r\n.\r\n", b"\0\xff\r\n", b""),
]
LONE_DOTS = [b"a\n.\nb\r\n.\r\n", b"a\n.\r\nb\r\n.\r\n", b"a\r\n.\nb\r\n.\r\n", b".\nb\r\n.\r\n", b"a\n.\r\n.\r\n"]
DOTS = st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"a", b"..", b"\r\n.", b"\0"]), max_size=40).map(b"".join)


@pytest.mark.parametrize(("wire", "content", "rest"), ENDS)
def test_the_end(wire: bytes, content: bytes, rest: bytes) -> None:
    end = EndOfData()
    assert end.feed(wire) == (content, rest)
    assert not end.is_ambiguous


@pytest.mark.parametrize("wire", LONE_DOTS)
def test_a_lone_dot_beside_a_bare_lf_is_ambiguous(wire: bytes) -> None:
    for cut in range(len(wire)):
        end = EndOfData()
        end.feed(wire[:cut])
        end.feed(wire[cut:])
        assert end.is_ambiguous, cut


@given(DOTS, st.lists(st.integers(1, 7), min_size=1))
def test_cuts_make_no_difference(message: bytes, cuts: list[int]) -> None:
    wire = message + b"\r\n.\r\nNOOP\r\n"
    whole, pieces = EndOfData(), EndOfData()
    expected = whole.feed(wire)
    content, position, turn, rest = b"", 0, 0, None
    while rest is None:
        step = cuts[turn % len(cuts)]
        got, rest = pieces.feed(wire[position : position + step])
        content, position, turn = content + got, position + step, turn + 1
    assert (content, rest + wire[position:]) == expected
    assert (pieces.is_ambiguous, pieces.stuffed) == (whole.is_ambiguous, whole.stuffed)
    lines = (b"\r\n" + content).split(b"\r\n")[1:]
    assert whole.stuffed == sum(line.startswith(b".") for line in lines)
    assert b"\r\n.\r\n" not in b"\r\n" + content


@pytest.mark.parametrize("size", [0, 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY])
def test_what_was_spooled_comes_back(size: int) -> None:
    content = (bytes(range(32, 127)) + b"\r\n") * (size // 97 + 1)
    spool = Spool()
    assert spool.feed(content + b".\r\nrest") == b"rest"
    assert b"".join(spool.read(0, spool.size)) == content
    assert b"".join(spool.read(5, 90)) == content[5:90]
    assert spool.trouble is None
    spool.close()


@pytest.mark.parametrize(
    ("wire", "limit", "trouble"),
    [
        (b"12345\r\n.\r\n", 7, None),
        (b"12345\r\n.\r\n", 6, "message-too-large"),
        (b"..2345\r\n.\r\n", 7, None),  # a stuffed dot does not count
        (b"a\n.\nb\r\n.\r\n", 0, "ambiguous-end"),
        (b"a\r\n.\r\n", 0, None),
    ],
)
def test_trouble(wire: bytes, limit: int, trouble: str | None) -> None:
    spool = Spool(limit)
    spool.feed(wire)
    assert spool.trouble == trouble


def test_a_full_disk_is_noted_and_the_rest_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    spool = Spool()
    assert spool.feed(b"x" * (2 * IN_MEMORY)) is None
    assert spool.trouble == "spool-failed"
    assert spool.feed(b"\r\n.\r\nQUIT") == b"QUIT"
