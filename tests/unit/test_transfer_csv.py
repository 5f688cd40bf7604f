"""Reading and writing aliases as CSV: each mistake costs its own line, and no bytes whatever do more."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.transfer.csv_file import COLUMNS, escaped, read_csv, unescaped, write_csv
from store.transfer.lines import LINE_CODES, LONGEST_LINE, AliasLine, Malformed, at_most

HEADER = b"address,mailbox,can_receive,can_send,is_active,note\n"
ROW = ("a@x.test", "m@x.test")


def read(data: bytes) -> list[AliasLine | Malformed]:
    found = list(read_csv(io.BytesIO(data)))
    assert all(isinstance(line, AliasLine | Malformed) for line in found)
    return [line for line in found if isinstance(line, AliasLine | Malformed)]


def only(data: bytes) -> AliasLine | Malformed:
    (line,) = read(data)
    return line


@pytest.mark.parametrize(
    ("cells", "given_"),
    [
        (
            b"a@x.test,m@x.test,true,false,true,hi",
            {"can_receive": True, "can_send": False, "is_active": True, "note": "hi"},
        ),
        (b"a@x.test,m@x.test,,,,", {"note": None}),
        (b"a@x.test,m@x.test,TRUE,No,1,", {"can_receive": True, "can_send": False, "is_active": True, "note": None}),
        (b'a@x.test,m@x.test,,,,"one, ""two"""', {"note": 'one, "two"'}),
        (b"a@x.test,m@x.test,,,,'=1+1", {"note": "=1+1"}),
        (b"a@x.test,m@x.test,,,,'tis", {"note": "'tis"}),
        ("a@x.test,m@x.test,,,,für".encode(), {"note": "für"}),
        (b"a@x.test,m@x.test,,,,hi\r", {"note": "hi"}),
    ],
)
def test_a_line(cells: bytes, given_: dict[str, object]) -> None:
    assert only(HEADER + cells) == AliasLine(2, *ROW, given_)  # type: ignore[arg-type]
    assert only(HEADER + cells + b"\n") == AliasLine(2, *ROW, given_)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "cells", "given_"),
    [
        (b"mailbox,address", b"m@x.test,a@x.test", {}),
        (b"address, mailbox ,note", b"a@x.test,m@x.test,", {"note": None}),
        (b"\xef\xbb\xbfaddress,mailbox,can_send\r", b"a@x.test,m@x.test,yes", {"can_send": True}),
        (b'"address","mailbox"', b'"a@x.test","m@x.test"', {}),
    ],
)
def test_columns_in_any_order(header: bytes, cells: bytes, given_: dict[str, object]) -> None:
    assert only(header + b"\n" + cells) == AliasLine(2, *ROW, given_)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (b"", "invalid-header"),
        (b"\n", "invalid-header"),
        (b"address\n", "invalid-header"),
        (b"address,mailbox,colour\n", "invalid-header"),
        (b"address,mailbox,address\n", "invalid-header"),
        (b"address;mailbox\n", "invalid-header"),
        (b"Address,Mailbox\n", "invalid-header"),
        (b"address,mailbox\ra@x.test,m@x.test\r", "invalid-header"),
        (b"a@x.test,m@x.test\n", "invalid-header"),
        (b'"address,mailbox\n', "invalid-quoting"),
        ("address,mailbox\n".encode("utf-16"), "invalid-encoding"),
        (b"address,mailbox\0\n", "control-character"),
        (b"a" * (LONGEST_LINE + 1) + b"\n", "line-too-long"),
    ],
)
def test_without_a_good_first_line_nothing_is_read(first: bytes, code: str) -> None:
    line = only(first + b"a@x.test,m@x.test\n" * 3 if first else first)
    assert (line.number, line.code if isinstance(line, Malformed) else "") == (1, code)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (b"a@x.test", "wrong-number-of-columns"),
        (b"a@x.test,m@x.test,true,true,true,note,more", "wrong-number-of-columns"),
        (b"a@x.test,m@x.test,maybe,,,", "invalid-value"),
        (b"a@x.test,m@x.test, true,,,", "invalid-value"),
        (b'a@x.test,m@x.test,,,,"open', "invalid-quoting"),
        (b'a@x.test,m@x.test,,,,"shut"more', "invalid-quoting"),
        (b"a@x.test,m@x.test,,,,one\rtwo", "invalid-quoting"),
        (b"a@x.test,m@x.test,,,,\xff", "invalid-encoding"),
        (b"a@x.test,m@x.test,,,,\xed\xa0\x80", "invalid-encoding"),
        (b"a@x.test,m@x.test,,,,\0", "control-character"),
        (b"a@x.test,m@x.test,,,," + b"x" * LONGEST_LINE, "line-too-long"),
        (b"x" * (3 * LONGEST_LINE), "line-too-long"),
    ],
)
def test_a_malformed_line_costs_itself_only(cells: bytes, code: str) -> None:
    good = b"a@x.test,m@x.test,,,,\n"
    before, wrong, after = read(HEADER + good + cells + b"\n" + good)
    assert (before.number, wrong.number, after.number) == (2, 3, 4)
    assert isinstance(before, AliasLine)
    assert isinstance(after, AliasLine)
    assert isinstance(wrong, Malformed)
    assert wrong.code == code
    assert wrong.message


def test_a_line_of_the_longest_allowed_length() -> None:
    cells = b"a@x.test,m@x.test,,,,"
    for end in (b"", b"\n", b"\r\n"):
        assert isinstance(only(HEADER + cells + b"x" * (LONGEST_LINE - len(cells)) + end), AliasLine)


def test_empty_lines_count_but_say_nothing() -> None:
    assert [line.number for line in read(HEADER + b"\n\r\na@x.test,m@x.test,,,,\n\n")] == [4]


def test_the_most_lines() -> None:
    rows = HEADER + b"a@x.test,m@x.test,,,,\n" * 4
    assert len(list(at_most(read_csv(io.BytesIO(rows)), 4))) == 4
    *kept, last = at_most(read_csv(io.BytesIO(rows)), 3)
    assert [line.number for line in kept] == [2, 3, 4]
    assert isinstance(last, Malformed)
    assert (last.number, last.code) == (5, "too-many-lines")


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    for text in (data, HEADER + data, HEADER + data.replace(b"\xff", b",")):
        for line in read_csv(io.BytesIO(text)):
            assert isinstance(line, AliasLine) or (isinstance(line, Malformed) and line.code in LINE_CODES)


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


FLAGS = (st.booleans(), st.booleans(), st.booleans())
MOMENTS = st.none() | st.datetimes(datetime(1970, 1, 2), datetime(8999, 1, 1), timezones=st.just(UTC))
SENDERS = st.sampled_from(["everyone", "listed", "except authenticated spam.test .x.test"])
NUMBERS = st.none() | st.integers(1, 1_000_000)


@given(st.lists(st.tuples(CELL, CELL, *FLAGS, st.none() | CELL, MOMENTS, NUMBERS, NUMBERS, SENDERS), max_size=5))
def test_what_is_written_is_read_again(rows: list[tuple[Any, ...]]) -> None:
    text = "".join(write_csv(rows))
    wanted = [
        AliasLine(
            number,
            row[0],
            row[1],
            dict(zip(COLUMNS[2:6], [*row[2:5], row[5] or None], strict=True)) | ends(row) | {"senders": row[9]},
        )
        for number, row in enumerate(rows, 2)
    ]
    assert read(text.encode()) == wanted


def ends(row: tuple[Any, ...]) -> dict[str, Any]:
    """An empty cell says nothing."""
    return {name: value for name, value in zip(COLUMNS[6:], row[6:], strict=True) if value is not None}


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("expires_at", "2027-01-31T12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("expires_at", "2027-01-31T12:00:00+02:00", datetime(2027, 1, 31, 10, tzinfo=UTC)),
        ("expires_at", "never", None),
        ("expires_at", "2027-01-31T12:00:00", ValueError),  # in which zone?
        ("expires_at", "soon", ValueError),
        ("expires_after", "12", 12),
        ("expires_after", "Never", None),
        ("expires_after", "-1", ValueError),
        ("expires_when_idle", "x", ValueError),
        ("expires_when_idle", "1234567890", ValueError),
    ],
)
def test_the_cell_of_an_end(column: str, cell: str, value: object) -> None:
    line = only(f"address,mailbox,{column}\na@x.test,m@x.test,{cell}".encode())
    if value is ValueError:
        assert isinstance(line, Malformed)
        assert (line.code, line.message.split()[0]) == ("invalid-value", column)
    else:
        assert line == AliasLine(2, *ROW, {column: value})  # type: ignore[dict-item]


@given(st.text("'=+-@x", max_size=6))
def test_no_note_is_a_formula(note: str) -> None:
    written = escaped(note)
    assert not written.startswith(("=", "+", "-", "@"))
    assert unescaped(written) == note
