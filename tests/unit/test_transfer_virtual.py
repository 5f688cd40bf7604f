"""Reading Postfix virtual(5) files: logical lines as Postfix puts them together, and what each says."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.transfer.lines import LINE_CODES, LONGEST_LINE, AliasLine, CatchAllLine, DomainLine, Line, Malformed
from store.transfer.virtual_file import read_virtual


def read(data: bytes) -> list[Line]:
    return list(read_virtual(io.BytesIO(data)))


A = AliasLine(1, "a@x.test", "m@x.test", {})


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"# only\n\n   \n  # comments\n", []),
        (b"a@x.test m@x.test", [A]),
        (b"a@x.test\tm@x.test\r\n", [A]),
        (b"a@x.test   m@x.test  \n", [A]),
        (b"a@x.test\n   m@x.test\n", [A]),
        (b"a@x.test\n# between\n\n   m@x.test\n", [A]),
        (b"a@x.test m@x.test,\n", [A]),
        (b"\xef\xbb\xbfa@x.test m@x.test\n", [A]),
        (b"A@X.test m@x.test", [AliasLine(1, "A@X.test", "m@x.test", {})]),  # judged later
        (b"a@x.test m", [AliasLine(1, "a@x.test", "m", {})]),  # judged later
        (b"# a\nx.test  anything at all\n", [DomainLine(2, "x.test")]),
        (b"@x.test m@x.test\n", [CatchAllLine(1, "x.test", "m@x.test")]),
        (b"a@x.test m@x.test\nb@x.test n@x.test\n", [A, AliasLine(2, "b@x.test", "n@x.test", {})]),
    ],
)
def test_what_lines_say(data: bytes, lines: list[Line]) -> None:
    assert read(data) == lines


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"  m@x.test\n", "line-continues-nothing"),
        (b"a@x.test\n", "no-target"),
        (b"a@x.test ,\n", "no-target"),
        (b"a@x.test m@x.test, n@x.test\n", "several-targets"),
        (b"a@x.test m@x.test\n  n@x.test\n", "several-targets"),
        (b"@x.test m@x.test n@x.test\n", "several-targets"),
        (b"a@x.test m@x.test # a remark\n", "several-targets"),
        (b"root m@x.test\n", "not-an-address"),
        (b"a@x.test \xff\n", "invalid-encoding"),
        (b"a@x.test\0 m@x.test\n", "control-character"),
        (b"a@x.test" + b" m@x.test" * 3000 + b"\n", "line-too-long"),
        (b"a@x.test\n" + b" m@x.test" * 1500 + b"\n" + b" m@x.test" * 1500 + b"\n m@x.test\n", "line-too-long"),
    ],
)
def test_what_is_none(data: bytes, code: str) -> None:
    (wrong, after) = read(data + b"b@x.test n@x.test\n")
    assert isinstance(wrong, Malformed)
    assert (wrong.number, wrong.code) == (1, code)
    assert isinstance(after, AliasLine)


def test_a_continuation_of_what_could_not_be_read_is_not_told_twice() -> None:
    (wrong,) = read(b"a@x.test \xff\n m@x.test\n n@x.test\n")
    assert isinstance(wrong, Malformed)
    assert wrong.code == "invalid-encoding"


@given(st.binary(max_size=400), st.integers(0, 3))
def test_any_bytes(data: bytes, spread: int) -> None:
    text = data.replace(b"\xfe", b"\n ").replace(b"\xfd", b"@x.test ") + b"x" * (spread * LONGEST_LINE // 2)
    for line in read_virtual(io.BytesIO(text)):
        if isinstance(line, Malformed):
            assert line.code in LINE_CODES
