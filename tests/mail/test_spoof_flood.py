"""Very long From fields of outside mail, where they are looked at: a bounded part of them is."""

from collections.abc import Iterator

import pytest

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import Dialogue
from tests.mail.world import JOHN, fill

TOO_MANY = "550 5.7.1 Sender address rejected: the message has too many fields that name an author"

SEVERAL = "550 5.7.1 Sender address rejected: the field holds more than one address"


@pytest.fixture(scope="module")
def site(needs_root: None) -> Iterator[PrivateSite]:
    """A site that refuses outside mail which shows an author of its own."""
    with PrivateSite(fill, into_sink=True, settings='\n[senders]\ninbound_spoof = "header"\n') as started:
        yield started


@pytest.mark.parametrize(
    ("header", "reply"),
    [
        (b"From: " + b"a@ " * 15_000, "250"),
        ((b"From: " + b"a@ " * 15_000 + b"\r\n") * 2, TOO_MANY),
        ((b"From: " + b"a@ " * 15_000 + b"\r\n") * 100, TOO_MANY),
        (b"From: x@x.test\r\n" * 65, SEVERAL),
        (b"From: x@x.test\r\n" * 9000, SEVERAL),
    ],
)
def test_long_from_fields(site: PrivateSite, header: bytes, reply: str) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        last = smtp.mail([f"<{JOHN}>"], header.rstrip() + b"\r\n\r\nx\r\n")[-1]
    assert last == reply or (reply == "250" and last.startswith(reply))
