"""Messages that would make a milter change very much: refused at once, while other mail goes on, and Postfix lives."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import Dialogue, logged_in, submit
from tests.mail.headers import delivered_to, field_values
from tests.mail.world import JOHN, MARY, fill

FLOOD = 14_000  # what made cleanup(8) panic
SALES = "sales@brand-b.test"
REFUSED = "550 5.6.0 The message has too many Delivered-To or X-Byname-Trace fields"
DELIVERED_TO, TRACE = b"Delivered-To: evil@x.test\r\n", b"X-Byname-Trace: 1, 00\r\n"
Send = Callable[[PrivateSite, bytes], str]  # with these fields in the header; returns the last reply
FROM = b"From: John <john@brand-a.test>\r\n"


@pytest.fixture(scope="module")
def edge_site(needs_root: None) -> Iterator[PrivateSite]:
    """A site where the LMTP edge delivers."""
    with PrivateSite(fill, into_sink=True, delivery="agent") as started:
        yield started


def inbound(site: PrivateSite, fields: bytes, recipient: str = SALES) -> str:
    with Dialogue(site.postfix.inbound_port) as smtp:
        return smtp.mail([f"<{recipient}>"], FROM + fields + b"\r\nx\r\n")[-1]


def submission(site: PrivateSite, fields: bytes, recipient: str = SALES) -> str:
    with logged_in(site, JOHN) as client:
        return submit(client, f"<{JOHN}>", FROM + fields + b"Subject: x", recipient)


def trouble(site: PrivateSite) -> list[str]:
    """What no message may bring about."""
    signs = ("panic:", "fatal:", "reverse jump", "killed by", "bad command startup", "throttling")
    return [line for line in site.postfix.log().splitlines() if any(sign in line for sign in signs)]


@pytest.mark.parametrize("fields", [DELIVERED_TO * FLOOD, TRACE * FLOOD, (TRACE + DELIVERED_TO) * (FLOOD // 2)])
@pytest.mark.parametrize("send", [inbound, submission])
def test_a_flood_is_refused_and_other_mail_goes_on(site: PrivateSite, send: Send, fields: bytes) -> None:
    with Dialogue(site.postfix.inbound_port) as other:
        other.say("MAIL FROM:<ann@outside.example>")
        other.say(f"RCPT TO:<{SALES}>")
        assert send(site, fields) == REFUSED
        other.say("DATA")
        assert other.say(b"Subject: other\r\n\r\nx\r\n.").startswith("250")
    assert [each.recipients for each in site.mailboxes.wait_for(1)] == [(JOHN,)]
    assert trouble(site) == []


@pytest.mark.parametrize("send", [inbound, submission])
@pytest.mark.parametrize("field", [DELIVERED_TO, TRACE])
def test_the_bound(site: PrivateSite, send: Send, field: bytes) -> None:
    assert send(site, field * 51) == REFUSED
    assert send(site, field * 50).startswith("250")
    (copy,) = site.mailboxes.wait_for(1)
    assert delivered_to(copy.content) == [SALES]
    assert field_values(copy.content, "X-Byname-Trace") == []


def test_mail_to_the_outside_only_stays_untouched(site: PrivateSite) -> None:
    assert submission(site, DELIVERED_TO * 60, "friend@outside.example").startswith("250")
    (copy,) = site.outside.wait_for(1)
    assert delivered_to(copy.content) == ["evil@x.test"] * 60


def sendmail(site: PrivateSite, recipients: list[str], message: bytes) -> None:
    command = ["sendmail", "-C", str(site.postfix.folders.config), "-f", MARY, *recipients]
    subprocess.run(command, input=message, check=True, env={"PATH": "/usr/sbin:/usr/bin:/bin"})


@pytest.mark.parametrize(
    ("names", "fields", "status", "reason"),
    [
        (1, FLOOD, "5.6.0", "The message has too many Delivered-To or X-Byname-Trace fields"),
        (1, 51, "5.6.0", "The message has too many Delivered-To or X-Byname-Trace fields"),
        (1001, 0, "5.5.3", "Too many recipients for one message"),
    ],
)
def test_local_mail_comes_back_to_its_sender(
    site: PrivateSite, names: int, fields: int, status: str, reason: str
) -> None:
    recipients = [f"any-{number}@brand-b.test" for number in range(names)]
    sendmail(site, recipients, DELIVERED_TO.replace(b"\r", b"") * fields + b"Subject: x\n\nx\n")
    (bounce,) = site.mailboxes.wait_for(1)
    assert (bounce.sender, bounce.recipients) == ("", (MARY,))
    assert f"Status: {status}".encode() in bounce.content
    assert reason.encode() in b" ".join(bounce.content.split())
    assert trouble(site) == []


def test_a_thousand_names_are_one_message_and_the_next_one_waits_for_another(site: PrivateSite) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        replies = smtp.mail([f"<any-{number}@brand-b.test>" for number in range(1001)])
    assert {reply[:3] for reply in replies[1:1001]} == {"250"}
    assert replies[1001] == "452 4.5.3 Too many recipients for one message, please send the rest in another"
    assert replies[-1].startswith("250")
    (copy,) = site.mailboxes.wait_for(1)
    assert len(delivered_to(copy.content)) == 1000
    assert trouble(site) == []


@pytest.mark.parametrize("send", [inbound, submission])
def test_the_edge_strips_any_number(edge_site: PrivateSite, send: Send) -> None:
    edge_site.mailboxes.clear()
    assert send(edge_site, (TRACE + DELIVERED_TO) * (FLOOD // 2) + b"X-Last: 1\r\n").startswith("250")
    (copy,) = edge_site.mailboxes.wait_for(1)
    assert delivered_to(copy.content) == [SALES]
    assert field_values(copy.content, "X-Byname-Trace") == []
    assert field_values(copy.content, "X-Last") == ["1"]
    assert trouble(edge_site) == []


def test_what_leaves_beside_a_copy_for_the_edge_is_bounded_too(edge_site: PrivateSite) -> None:
    for many, code in ((51, 550), (50, 250)):
        with logged_in(edge_site, JOHN) as client:
            client.mail(JOHN)
            client.rcpt(SALES)
            client.rcpt("friend@outside.example")
            assert client.data(FROM + DELIVERED_TO * many + b"\r\nx\r\n")[0] == code
    (copy,) = edge_site.outside.wait_for(1)
    assert delivered_to(copy.content) == []
