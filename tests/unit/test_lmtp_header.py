"""Which octets of a spooled message are left out, and where its header ends."""

import pytest

from edges.lmtp.copy import Message
from edges.lmtp.header import HeaderTooLarge, read_header
from edges.lmtp.spool import Spool
from routing.address import Address
from routing.trace import trace_value

KEY = b"k" * 32
OURS = Address.parse("sales@brand-a.test")


def spooled(wire: bytes) -> Spool:
    spool = Spool()
    assert spool.feed(wire + b".\r\n") == b""
    return spool


def passed(wire: bytes, key: bytes | None = None) -> bytes:
    spool = spooled(wire)
    message = Message.of(spool, read_header(spool), key)
    content = b"".join(message.chunks())
    if b"\n.D" not in b"\n" + wire:  # a dot within what is left out is not worth counting
        assert message.size == len(content) - (b"\r\n" + content).count(b"\r\n.")
    return content


UNCHANGED = [
    b"",
    b"\r\n",
    b"\r\nbody only\r\n",
    b"Subject: x\r\n",
    b"Subject: x\r\n\r\nbody\r\n",
    b"Subject: x\r\n\r\nDelivered-To: in the body\r\n",
    b"Subject: x\n\nDelivered-To: in the body\r\n",
    b"Subject: x\r\n\tfolded Delivered-To: y\r\n\r\nb\r\n",
    b"X-Delivered-To: a\r\nDelivered-To-X: b\r\n\r\nb\r\n",
    b"Subject:\xff\0\r\n \r\nTo : x\r\n\r\nb\r\n",
    b"..a: dot\r\n\r\n..b\r\n",
]
STRIPPED = [
    b"Delivered-To: x\r\n",
    b"DELIVERED-TO:x\r\n",
    b"delivered-to \t: x\r\n",
    b"Delivered-To:\r\n",
    b"Delivered-To: a\r\n b\r\n\tc\r\n",
    b"Delivered-To: a\nDelivered-To: after a bare LF\r\n",
    b".Delivered-To: a store takes the dot away\r\n",
    b"X-Byname-Trace: 1, 00\r\n",
    b"Delivered-To: a\r\nDelivered-To: b\r\nx-byname-trace: \xff\r\n",
    b"Delivered-To: x\r\n" * 2000,
]


@pytest.mark.parametrize("wire", UNCHANGED)
def test_passes_unchanged(wire: bytes) -> None:
    assert passed(wire) == wire


@pytest.mark.parametrize("forged", STRIPPED)
@pytest.mark.parametrize("rest", [b"", b"\r\nbody\r\n", b"B: 2\r\n\r\nDelivered-To: body\r\n"])
def test_every_spelling_is_left_out_and_all_else_kept_in_order(forged: bytes, rest: bytes) -> None:
    assert passed(forged + rest) == rest
    assert passed(b"A: 1\r\n" + forged + rest) == b"A: 1\r\n" + rest
    assert passed(b"A: 1\r\n" + forged + b"A: 2\r\n f\r\n" + forged + rest) == b"A: 1\r\nA: 2\r\n f\r\n" + rest


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (b"no header\r\nDelivered-To: x\r\n", b"\r\nno header\r\nDelivered-To: x\r\n"),
        (b"A: 1\r\nno field\r\nDelivered-To: x\r\n", b"A: 1\r\n\r\nno field\r\nDelivered-To: x\r\n"),
        (b"A: 1\r\nDelivered To: x\r\n", b"A: 1\r\n\r\nDelivered To: x\r\n"),
        (b" folded\r\n", b"\r\n folded\r\n"),
        (b"A: 1\r\n\r\r\nDelivered-To: x\r\n", b"A: 1\r\n\r\n\r\r\nDelivered-To: x\r\n"),
        (b"Delivered-To: x\r\n\xff: 1\r\n", b"\r\n\xff: 1\r\n"),
    ],
)
def test_a_line_that_is_no_field_ends_the_header_for_every_reader(wire: bytes, expected: bytes) -> None:
    assert passed(wire) == expected
    assert passed(expected) == expected


def test_what_our_trace_vouches_for_stays() -> None:
    trace = f"X-Byname-Trace: {trace_value(KEY, '<1@x>', [OURS], 0)}\r\n".encode()
    ours = trace + f"Delivered-To: {OURS}\r\n".encode()
    header = read_header(spooled(ours + b"Message-ID: <1@x>\r\n\r\nb\r\n"))
    assert header.removed(header.trace_fields.judge(KEY, 5)) == []
    assert header.removed(header.trace_fields.judge(None, 5)) == [(0, len(trace)), (len(trace), len(ours))]
    assert header.removed(header.trace_fields.judge(KEY, 1e9)) == [(0, len(trace)), (len(trace), len(ours))]  # too old


@pytest.mark.parametrize(("field", "fits"), [(b"A: %s\r\n" % (b"x" * 90), True), (b"A: %s\r\n" % (b"x" * 120), False)])
@pytest.mark.parametrize("body", [b"", b"\r\n" + b"y" * 500 + b"\r\n"])
def test_a_long_header_is_refused_and_a_long_body_not(field: bytes, body: bytes, *, fits: bool) -> None:
    if fits:
        assert read_header(spooled(field + body), 100).end == len(field)
    else:
        with pytest.raises(HeaderTooLarge):
            read_header(spooled(field + body), 100)


def test_a_long_line_that_is_no_field_is_body() -> None:
    assert read_header(spooled(b"y" * 500 + b"\r\n"), 100).end == 0
