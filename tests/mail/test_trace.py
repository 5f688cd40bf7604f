"""A second pass of a message changes nothing, and a loop ends, with real traces through a real Postfix."""

from collections.abc import Iterator

import pytest

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import Dialogue
from tests.mail.headers import delivered_to, field_values
from tests.mail.test_recipients import one_delivery
from tests.mail.world import JOHN, fill

SALES = "<sales@brand-b.test>"


@pytest.fixture(scope="module")
def site(needs_root: None) -> Iterator[PrivateSite]:
    """A site with a trace key; its mailboxes are a sink."""
    with PrivateSite(fill, into_sink=True, settings='\n[trace]\nkey = "0123456789abcdef0123456789abcdef"\n') as started:
        yield started


def send(site: PrivateSite, recipient: str, message: bytes) -> str:
    with Dialogue(site.postfix.inbound_port) as smtp:
        return smtp.mail([recipient], message)[-1]


def pass_once(site: PrivateSite, recipient: str, message: bytes) -> bytes:
    """Send a message and return it as it was delivered."""
    site.mailboxes.clear()
    assert send(site, recipient, message).startswith("250")
    return one_delivery(site).content


FIRST = b"Message-ID: <one@x.test>\r\nFrom: ann@x.test\r\nSubject: hi\r\n\r\nbody\r\n"


def test_a_second_pass_changes_nothing(site: PrivateSite) -> None:
    once = pass_once(site, SALES, FIRST)
    assert delivered_to(once) == ["sales@brand-b.test"]
    assert b"sales" not in field_values(once, "X-Byname-Trace")[0].encode()
    twice = pass_once(site, f"<{JOHN}>", once)
    assert delivered_to(twice) == ["sales@brand-b.test"]
    assert field_values(twice, "X-Byname-Trace") == field_values(once, "X-Byname-Trace")


def test_a_second_pass_of_a_sub_address_changes_nothing(site: PrivateSite) -> None:
    once = pass_once(site, "<sales+news@brand-b.test>", FIRST)
    twice = pass_once(site, "<john+news@brand-a.test>", once)
    assert delivered_to(twice) == delivered_to(once) == ["sales+news@brand-b.test"]


def test_a_forged_trace_vouches_for_nothing(site: PrivateSite) -> None:
    once = pass_once(site, SALES, FIRST)
    forged = once.replace(b"sales@brand-b.test", b"ceo@brand-b.test").replace(b"Delivered-To:", b"DELIVERED-TO:")
    again = pass_once(site, f"<{JOHN}>", forged)
    assert delivered_to(again) == []
    assert field_values(again, "X-Byname-Trace") == []


def test_a_trace_of_another_message_vouches_for_nothing(site: PrivateSite) -> None:
    once = pass_once(site, SALES, FIRST)
    assert delivered_to(pass_once(site, f"<{JOHN}>", once.replace(b"<one@x.test>", b"<two@x.test>"))) == []


def test_a_name_that_comes_back_a_sixth_time_is_refused(site: PrivateSite) -> None:
    message = FIRST
    for passes in range(1, 7):
        message = pass_once(site, SALES, message)
        assert delivered_to(message) == ["sales@brand-b.test"] * passes
    assert send(site, SALES, message) == "554 5.4.6 <sales@brand-b.test>: Too many hops through this alias"
