"""ManageSieve on the wire: what a server may write is read, and nothing that it writes breaks more than the session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.filtering.wire import Token, literal, quoted, read_line


def text(value: bytes) -> Token:
    return Token("text", value)


def atom(value: bytes) -> Token:
    return Token("atom", value)


@pytest.mark.parametrize(
    ("line", "tokens", "size"),
    [
        (b"", [], None),
        (b"OK", [atom(b"OK")], None),
        (b'OK "Logout completed."', [atom(b"OK"), text(b"Logout completed.")], None),
        (b'NO (QUOTA/MAXSIZE) "no room"', [atom(b"NO"), Token("code", b"QUOTA/MAXSIZE"), text(b"no room")], None),
        (b'OK (TAG "a)b") "done"', [atom(b"OK"), Token("code", b'TAG "a)b"'), text(b"done")], None),
        (b'"roundcube" ACTIVE', [text(b"roundcube"), atom(b"ACTIVE")], None),
        (rb'"a \"q\" \\ b"', [text(rb'a "q" \ b')], None),
        (b'"SIEVE" ""', [text(b"SIEVE"), text(b"")], None),
        (b"NO {12}", [atom(b"NO")], 12),
        (b"{7+}", [], 7),
    ],
)
def test_a_line_of_a_server(line: bytes, tokens: list[Token], size: int | None) -> None:
    assert read_line(line) == (tokens, size)


@pytest.mark.parametrize("line", [b'"open', b"{12} more", b"{", b"(open", b"a\\b", b'OK "a" )'])
def test_no_line_of_managesieve(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a line of ManageSieve"):
        read_line(line)


@given(st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=200))
def test_a_name_comes_back_as_it_was(name: str) -> None:
    assert read_line(quoted(name) + b" ACTIVE") == ([text(name.encode()), atom(b"ACTIVE")], None)


@given(st.binary(max_size=60))
def test_anything_else_is_no_more_than_an_error(line: bytes) -> None:
    try:
        tokens, size = read_line(line)
    except ValueError:
        return
    assert all(token.kind in {"atom", "text", "code"} for token in tokens)
    assert size is None or size >= 0


@pytest.mark.parametrize("name", ["a\rb", "a\nb", "a\0b", "é" * 513])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="a name has"):
        quoted(name)


def test_a_script_goes_as_it_is() -> None:
    assert literal(b'a\r\n"\0') == b'{5+}\r\na\r\n"\0'
