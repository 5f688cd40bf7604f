"""The checks that a site may add, through Postfix: forged trust, invitations, look-alikes, colleagues' names."""

import re
import signal
from collections.abc import Iterator

import pytest

from byname.sandbox.processes import Daemon
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from store.services import mailboxes
from store.sql.database import Database
from tests.mail.dialogue import Dialogue, data_as_it_is, logged_in
from tests.mail.world import JOHN, PASSWORD, fill
from tests.unit.ordinary_mails import calendar, incoming, outgoing

SETTINGS = """
[senders]
inbound_spoof = "lookalike"
colleague_names = "mark"
forged_trust = "refuse"
authserv_ids = ["mx.brand-a.test"]
foreign_organizer = "refuse"
"""
OWN = b"From: John <john@brand-a.test>\r\n"
CEO, FINANCE = "ceo@bank.test", "finance@brand-b.test"
QUEUED = "250 2.0.0 Ok: queued as "
ORDINARY = 60  # each way; all thousand go through the same functions in tests/unit


def fill_with_a_colleague(database: Database) -> dict[str, str]:
    passwords = fill(database)
    with database.write() as tx:
        mailboxes.add(tx, "mary.poe@brand-a.test", PASSWORD)
        mailboxes.add(tx, FINANCE, PASSWORD, display_name="Ann Lee")
        mailboxes.update(tx, "owner@other.test", display_name="Zoe Roe")
    return passwords


@pytest.fixture(scope="module")
def walled(needs_root: None) -> Iterator[PrivateSite]:
    with PrivateSite(fill_with_a_colleague, into_sink=True, settings=SETTINGS, cache=True) as site:
        yield site


@pytest.fixture(autouse=True)
def empty_sinks(walled: PrivateSite) -> None:
    walled.postfix.wait_until_idle()
    walled.mailboxes.clear()
    walled.outside.clear()


def reload(daemon: Daemon) -> None:
    before = len(daemon.log())
    daemon.send(signal.SIGHUP)
    wait_until(lambda: "reloaded" in daemon.log()[before:], 10, "a reload")


def sent(site: PrivateSite, *messages: bytes) -> list[str]:
    replies = []
    with logged_in(site, JOHN) as client:
        for message in messages:
            client.docmd(f"MAIL FROM:<{JOHN}>")
            client.docmd("RCPT TO:<friend@outside.example>")
            code, text = data_as_it_is(client, message)
            replies.append(f"{code} {text.decode()}")
    return replies


def with_event(event: bytes, head: bytes = b"Content-Type: text/calendar") -> bytes:
    body = b"--b\r\nContent-Type: text/plain\r\n\r\n" + b"hello\r\n" * 20_000  # several pieces of 64 kB
    header = OWN + b"Content-Type: multipart/mixed;\r\n\tboundary=b\r\n\r\n"
    return header + body + b"--b\r\n" + head + b"\r\n\r\n" + event + b"--b--\r\n"


TRUST = [  # a field, what the reply begins with
    (b"Authentication-Results: mx.brand-a.test; dkim=pass", "550 5.7.1 Message rejected: Authentication-Results under"),
    (b"ARC-Seal: i=1; d=mx.brand-a.test", "550 5.7.1 Message rejected: ARC fields under the name of this system"),
    (b"X-Byname-Notice: x", "550 5.7.1 Message rejected: fields that only Byname may write"),
    (b"X-Byname-Trace: 1790000000, 00", "550 5.7.1 Message rejected: fields that only Byname may write"),
    (b"Autocrypt: addr=ceo@bank.test; keydata=AAAA", "550 5.7.1 Message rejected: an Autocrypt key for an address"),
    (b"Authentication-Results: mx.google.test; dkim=pass", QUEUED),
    (b"Autocrypt: addr=john@brand-a.test; keydata=AAAA", QUEUED),
    (b"From: ceo@bank.test", "550 5.7.1 Sender address rejected: the message has more than one From field"),
]


def test_forged_trust(walled: PrivateSite) -> None:
    replies = sent(walled, *(OWN + field + b"\r\n\r\nx\r\n" for field, _ in TRUST))
    wrong = [(case, reply) for case, reply in zip(TRUST, replies, strict=True) if not reply.startswith(case[1])]
    assert wrong == []


NOT_OWNED = f"550 5.7.1 <{CEO}>: Sender address rejected: organizer not owned by user {JOHN}"
INVITATIONS = [
    (with_event(calendar("REQUEST", CEO, JOHN)), NOT_OWNED),
    (with_event(calendar("REQUEST", JOHN, CEO)), QUEUED),
    (with_event(calendar("REPLY", CEO, JOHN)), QUEUED),
    (with_event(calendar("REPLY", JOHN, CEO)), NOT_OWNED),
    (with_event(b"From: x\r\n\r\n" + calendar("REQUEST", CEO, JOHN), b"Content-Type: message/rfc822"), QUEUED),
    (OWN + b"Content-Type: text/calendar\r\n\r\n" + calendar("REQUEST", CEO, JOHN), NOT_OWNED),
    (OWN + b"Content-Type: multipart/mixed\r\n\r\nx\r\n", "550 5.6.0 Message rejected: its parts can be read in more"),
    (OWN + b"\r\n" + b"x" * 300_000 + b"\r\n", QUEUED),
]


def test_invitations(walled: PrivateSite) -> None:
    replies = sent(walled, *(message for message, _ in INVITATIONS))
    assert [reply for reply, case in zip(replies, INVITATIONS, strict=True) if not reply.startswith(case[1])] == []


def test_what_is_only_logged_goes_out(walled: PrivateSite) -> None:
    text = walled.config.read_text()
    walled.config.write_text(re.sub(r'(forged_trust|foreign_organizer) = "refuse"', r'\1 = "log"', text))
    daemon = walled.daemons["submission"]
    reload(daemon)
    before = len(daemon.log())
    try:
        trust = OWN + b"X-Byname-Notice: x\r\n\r\nx\r\n"
        replies = sent(walled, trust, with_event(calendar("REQUEST", CEO, JOHN)), OWN + b"\r\nx\r\n")
    finally:
        walled.config.write_text(text)
        reload(daemon)
    assert [reply.startswith(QUEUED) for reply in replies] == [True] * 3
    lines = [line for line in daemon.log()[before:].splitlines() if "verdict=would-reject" in line]
    assert [re.findall(r"rule=(\S+)", line) for line in lines] == [["forged-byname"], ["foreign-organizer"]]


LOOKALIKES = [  # From, recipient, what the decisive reply begins with
    ("ceo@brаnd-a.test", JOHN, "550 5.7.1 <ceo@xn--brnd-a-4nf.test>: Sender address rejected: this domain looks like"),
    ("ceo@xn--brnd-a-4nf.test", JOHN, "550 5.7.1 <ceo@xn--brnd-a-4nf.test>: Sender address rejected: this domain"),
    ('"ceo@brаnd-a.test" <x@outside.example>', JOHN, "550 5.7.1 <ceo@xn--brnd-a-4nf.test>: Sender address rejected"),
    ("ceo@brаnd-a.test", "owner@other.test", QUEUED),  # looks like nothing of this tenant's
    ("ceo@bränd-a.test", JOHN, QUEUED),
    (
        "ceo@brand-a.test",
        JOHN,
        "550 5.7.1 <ceo@brand-a.test>: Sender address rejected: log in to send from this domain",
    ),
]


@pytest.mark.parametrize(("author", "recipient", "expected"), LOOKALIKES)
def test_look_alikes(walled: PrivateSite, author: str, recipient: str, expected: str) -> None:
    with Dialogue(walled.postfix.inbound_port) as smtp:
        replies = smtp.mail([f"<{recipient}>"], f"From: {author}\r\n\r\nx\r\n".encode())
    assert replies[-1].startswith(expected)


NOTICE = b"X-Byname-Notice: display-name-of-colleague\r\n"
COLLEAGUES = [  # From, recipients, whether it is marked
    (b'"Mary Poe" <mary77@outside.example>', [JOHN], True),
    (b"Poe, Mary <mary77@outside.example>", [JOHN], True),
    (b"=?utf-8?q?Mary_Poe?= <mary77@outside.example>", [JOHN, "sales@brand-a.test"], True),
    (b"Mary <mary77@outside.example>", [JOHN], False),
    (b"Mary Doe <mary77@outside.example>", [JOHN], False),
    (b'"Mary Poe" <mary77@outside.example>', ["owner@other.test"], False),
    (b'"Mary Poe" <mary77@outside.example>', [JOHN, "owner@other.test"], False),  # it would show to the other
    (b'"Ann Lee" <ann@outside.example>', [JOHN], True),
    (b'"Ann Lee" <ann@outside.example>', [JOHN, FINANCE], True),
    (b'"Ann Lee" <ann@outside.example>', [FINANCE], False),  # she writes to herself
    ("Lее, АNN <ann@outside.example>".encode(), [JOHN], True),
    (b'"Ann Lee (ann@brand-a.test.example)" <ann@outside.example>', [JOHN], True),
    (b'"Zoe Roe" <zoe@outside.example>', [JOHN], False),  # another tenant's
    (b'"Zoe Roe" <zoe@outside.example>', ["owner@other.test"], False),  # to herself
    (b'"Customer Service" <cs@outside.example>', [JOHN], False),
]


@pytest.mark.parametrize(("author", "recipients", "is_marked"), COLLEAGUES)
def test_names_of_colleagues(walled: PrivateSite, author: bytes, recipients: list[str], *, is_marked: bool) -> None:
    forged = b"x-byname-notice: made up\r\nX-Byname-Notice : twice\r\n"
    with Dialogue(walled.postfix.inbound_port) as smtp:
        replies = smtp.mail([f"<{each}>" for each in recipients], forged + b"From: " + author + b"\r\n\r\nx\r\n")
    assert replies[-1].startswith(QUEUED)
    content = walled.mailboxes.wait_for(1)[0].content
    assert content.count(NOTICE) == is_marked
    assert content.lower().count(b"x-byname-notice") == is_marked


def test_a_name_counts_once_it_is_given_and_no_longer(walled: PrivateSite) -> None:
    """Over the cache, as the relay keeps it."""
    database = Database.open(f"sqlite:///{walled.database}")

    def is_marked() -> bool:
        with Dialogue(walled.postfix.inbound_port) as smtp:
            assert smtp.mail([f"<{JOHN}>"], b"From: Eve Moneypenny <e@x.example>\r\n\r\nx\r\n")[-1].startswith(QUEUED)
        found = NOTICE in walled.mailboxes.wait_for(1)[0].content
        walled.mailboxes.clear()
        return found

    assert not is_marked()
    for name in ("Eve Moneypenny", "Eve", "Moneypenny, Eve", "Ann Lee"):
        with database.write() as tx:
            mailboxes.update(tx, FINANCE, display_name=name)
        wait_until(lambda: is_marked() is ("Moneypenny" in name), 10, f"the name {name}")  # noqa: B023 - used at once
    database.close()


def test_the_marks_to_strip_are_bounded(walled: PrivateSite) -> None:
    with Dialogue(walled.postfix.inbound_port) as smtp:
        for count, expected in ((50, QUEUED), (51, "550 5.6.0 Message rejected: too many X-Byname-Notice fields")):
            message = b"X-Byname-Notice: x\r\n" * count + b"From: x@outside.example\r\n\r\nx\r\n"
            assert smtp.mail([f"<{JOHN}>"], message)[-1].startswith(expected)


def test_ordinary_mails_each_way(walled: PrivateSite) -> None:
    """With everything switched to refuse."""
    assert [reply for reply in sent(walled, *(mail.raw for mail in outgoing(ORDINARY))) if reply[:3] != "250"] == []
    with Dialogue(walled.postfix.inbound_port) as smtp:
        replies = [smtp.mail([f"<{JOHN}>"], mail.raw)[-1] for mail in incoming(ORDINARY)]
    assert [reply for reply in replies if not reply.startswith(QUEUED)] == []
    arrived = walled.mailboxes.wait_for(ORDINARY)
    assert [delivery.content for delivery in arrived if b"X-Byname-Notice" in delivery.content] == []
