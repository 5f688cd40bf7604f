"""Netstrings: whatever a peer sends and however the network cuts it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edges.netstrings import LONGEST, Decoder, NetstringError, encode


def decoded(*pieces: bytes, longest: int = LONGEST) -> list[bytes]:
    decoder = Decoder(longest)
    found: list[bytes] = []
    for piece in pieces:
        decoder.receive(piece)
        while (content := decoder.next_string()) is not None:
            found.append(content)
    return found


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"", b"0:,"),
        (b"domains a.test", b"14:domains a.test,"),
        (b"1:a,", b"4:1:a,,"),
        (b"\x00\xff", b"2:\x00\xff,"),
    ],
)
def test_wire_form(content: bytes, wire: bytes) -> None:
    assert encode(content) == wire
    assert decoded(wire) == [content]


@given(st.binary(max_size=300), st.data())
def test_split_at_every_byte(content: bytes, data: st.DataObject) -> None:
    wire = encode(content)
    cut = data.draw(st.integers(0, len(wire)))
    assert decoded(wire[:cut], wire[cut:]) == [content]
    assert decoded(*(bytes([byte]) for byte in wire)) == [content]


@given(st.lists(st.binary(max_size=50)))
def test_many_in_one_read(contents: list[bytes]) -> None:
    assert decoded(b"".join(encode(content) for content in contents)) == contents


@given(st.binary(max_size=60))
@example(b"1:a;")
@example(b"007:agent x,")
@example(b"9999999:")
@example("\u0661:a,".encode())
def test_garbage_is_refused_or_incomplete_never_wrong(wire: bytes) -> None:
    try:
        found = decoded(wire)
    except NetstringError:
        return
    assert wire.startswith(b"".join(encode(content) for content in found))


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b":a,", "no length at the start"),
        (b"-1:a,", "no length at the start"),
        (b"+1:a,", "no length at the start"),
        (b" 1:a,", "no length at the start"),
        (b"GET / HTTP/1.1\r\n", "no length at the start"),
        (b"01:a,", "a length with a leading zero"),
        (b"00:,", "a length with a leading zero"),
        (b"1a:b,", "no colon after the length"),
        (b"1 :b,", "no colon after the length"),
        (b"1:ab,", "no comma at the end"),
        (b"100001:", "a length of more than 100000"),
        (b"100001", "a length of more than 100000"),
        (b"9" * 5000, "a length of more than 100000"),
    ],
)
def test_broken(wire: bytes, reason: str) -> None:
    with pytest.raises(NetstringError) as caught:
        decoded(wire)
    assert str(caught.value) == reason


def test_longest_passes_and_one_more_does_not() -> None:
    assert decoded(encode(b"a" * LONGEST)) == [b"a" * LONGEST]
    with pytest.raises(NetstringError) as caught:
        encode(b"a" * (LONGEST + 1))
    assert str(caught.value) == "100001 bytes are more than 100000"


def test_broken_stays_broken() -> None:
    decoder = Decoder()
    decoder.receive(b"x")
    for _ in range(2):
        with pytest.raises(NetstringError):
            decoder.next_string()


def test_is_empty_only_between_strings() -> None:
    decoder = Decoder()
    assert decoder.is_empty
    decoder.receive(b"1:a")
    assert decoder.next_string() is None
    assert not decoder.is_empty
    decoder.receive(b",")
    assert decoder.next_string() == b"a"
    assert decoder.is_empty
