"""What is read of who wrote a message where it is malformed, too much, or comes in pieces."""

import pytest

from routing.address import Address
from routing.allowed_senders import EnvelopeSender
from routing.auth_results import AuthResults
from routing.bounce import Report
from routing.explain import envelope_sender
from routing.raw_message import read_message
from routing.writers import Writers
from tests.unit.sender_cases import MX, bounce

SALES = Address("sales", "brand-b.test")


def results(value: bytes) -> str:
    found = AuthResults(frozenset({MX}))
    found.add("Authentication-Results", value)
    return found.dmarc("shop.test")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"mx.brand-a.test; dmarc=pass header.from=shop.test", "pass"),
        (b"mx.brand-a.test 1; dmarc=pass header.from=shop.test", "pass"),
        (b"mx.brand-a.test one; dmarc=pass header.from=shop.test", "unknown"),  # no version
        (b"mx.brand-a.test 1 2; dmarc=pass header.from=shop.test", "unknown"),
        (b"mx.brand-a.test; dmarc=pass header.from=sh..op", "unknown"),  # of no domain at all
        (b"mx.brand-a.test; dmarc=pass header.from=shop.test" + b" " * 20_000, "unknown"),
        (b"mx.brand-a.test; dmarc=pass header.from=shop.test\x01", "unknown"),
        (b'mx.brand-a.test; dmarc=pass header.from=shop.test reason="', "unknown"),  # a quote that does not close
        (b"mx.brand-a.test; dmarc=pass header.from=shop.test \xff", "unknown"),
    ],
)
def test_results_that_are_malformed_say_nothing(value: bytes, said: str) -> None:
    assert results(value) == said


def report(text: str, *, piece: int) -> Report:
    message, found = read_message(text.encode()), Report()
    for each in message.fields:
        found.add(each.name, each.value)
    for at in range(0, len(message.body), piece):
        found.body(message.body[at : at + piece])
    return found


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_a_report_in_pieces(piece: int) -> None:
    assert report(bounce("sales@brand-b.test"), piece=piece).authors() == [SALES]


@pytest.mark.parametrize(
    "text",
    [
        bounce("sales@brand-b.test").replace("multipart/report;", 'multipart/report; boundary="x";'),  # two
        bounce("sales@brand-b.test\nFrom: other@brand-b.test"),
        "Content-Type: text/plain\n\nno report\n",
    ],
)
def test_what_is_no_report_has_no_authors(text: str) -> None:
    assert report(text, piece=10_000).authors() == []


def test_what_is_no_report_is_over_at_once() -> None:
    assert report("Content-Type: text/plain\n\nno report\n", piece=10_000).is_over


def wrote(*fields: tuple[str, bytes], own_hops: int = 0) -> Writers:
    found = Writers(AuthResults(frozenset({MX}), own_hops=own_hops), EnvelopeSender(None))
    for name, value in fields:
        found.add(name, value)
    return found


def test_a_from_that_cannot_be_read_strictly() -> None:
    assert wrote(("From", b"ann@shop.test")).is_clear
    assert not wrote(("From", b'"ann <ann@shop.test>')).is_clear
    assert not wrote(("From", b'"\\')).is_clear


def test_a_from_that_is_too_long_is_not_clear() -> None:
    found = wrote(("From", b"ann@shop.test, " * 20_000))
    assert (found.is_clear, found.is_too_much, found.authors) == (False, True, [])


@pytest.mark.parametrize(("protocol", "is_submitted"), [(b"ESMTPSA", True), (b"ESMTPS", False)])
def test_a_login_is_seen_in_our_own_hop(protocol: bytes, is_submitted: bool) -> None:
    received = b" from pc.test (pc.test [192.0.2.1])\n\tby mx.brand-a.test (Postfix) with " + protocol + b" id 4F"
    assert wrote(("Received", received), own_hops=1).is_submitted == is_submitted
    assert not wrote(("Received", received)).is_submitted  # somebody else's


@pytest.mark.parametrize("typed", ["<ann@shop.test", "<ann@sh..op>"])
def test_an_envelope_sender_that_is_malformed_is_nobody(typed: str) -> None:
    assert envelope_sender(typed) == EnvelopeSender(None)
