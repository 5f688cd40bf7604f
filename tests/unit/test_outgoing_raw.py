"""A whole message that is handed over: what is taken as it is, what is taken away, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.outgoing import DraftRefused, Party, split_parties
from routing.outgoing_raw import read_raw
from routing.outgoing_text import bcc_field
from routing.raw_message import header_fields

HELLO = b"From: John <John@brand-a.test>\nTo: Ann <Ann@x.test>, b@x.test\nCc: c@x.test\nSubject: Hi\n"


def refused(octets: bytes) -> tuple[str, str]:
    with pytest.raises(DraftRefused) as told:
        read_raw(octets)
    return told.value.place, str(told.value)


def test_it_is_taken_as_it_is() -> None:
    own = b"Date: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID:\n <1@brand-a.test>\n"
    mail = read_raw(HELLO + own + b"X-A: 1\n  2\n\nbye\r.\r\n\n..\n")
    assert (mail.sender, mail.message_id, mail.has_date) == ("john@brand-a.test", "<1@brand-a.test>", True)
    assert [one.address for one in mail.to] == ["Ann@x.test", "b@x.test", "c@x.test"]
    assert mail.content == (HELLO + own + b"X-A: 1\n  2\n\nbye\n.\n\n..\n").replace(b"\n", b"\r\n")
    assert mail.finished("<2@brand-a.test>", "today") == mail.content


def test_what_it_lacks_is_added_on_top() -> None:
    mail = read_raw(HELLO)
    assert mail.finished("<2@brand-a.test>", "today") == (
        b"Date: today\r\nMessage-ID: <2@brand-a.test>\r\n" + HELLO.replace(b"\n", b"\r\n") + b"\r\n"
    )


def test_what_is_not_the_authors_is_taken_away() -> None:
    mine = b"Received: by me\nX-Mailer: m\n"
    others = b"Bcc: d@x.test,\n e@x.test\nReturn-Path: <a@b.test>\nDelivered-To: x@y.test\nX-Byname-Handover: 1\n"
    mail = read_raw(others + HELLO + mine + b"X-Original-To: a@b.test\nX-Mailbox-Line: x\n\n8-bit: \xff\n")
    assert mail.content == (HELLO + mine + b"\n8-bit: \xff\n").replace(b"\n", b"\r\n")
    assert mail.bcc == (Party("d@x.test"), Party("e@x.test"))


def test_recipients_beside_it_are_in_place_of_its_own() -> None:
    mail = read_raw(b"From: j@b.test\nTo: undisclosed-recipients:;\nBcc: x@y.test\n\n", (Party("ann@x.test"),))
    assert (mail.to, mail.bcc) == ((Party("ann@x.test"),), ())
    assert b"Bcc" not in mail.content


CASES = {
    b"": ("from", "must say who writes it"),
    b"Subject: x\n\n": ("from", "must say who writes it"),
    b"From: a@b.test, c@d.test\n\n": ("from", "does not name one author"),
    HELLO + b"From: x@y.test\n\n": ("from", "once only"),
    HELLO + b"TO: x@y.test\n\n": ("to", "once only"),
    HELLO + b"Resent-From: x@y.test\n\n": ("resent-from", "sent on"),
    HELLO + b"X: \0\n\n": ("message", "NUL"),
    HELLO + b"\n" + b"x" * 999 + b"\n": ("message", "998"),
    HELLO + "X: ü\n\n".encode(): ("message", "ASCII"),
    HELLO + b"no field\n\n": ("message", "line 5 is no header field"),
    HELLO + b"Space : x\n\n": ("message", "line 5 is no header field"),
    HELLO + b" \nX: y\n\n": ("message", "line 5 is no header field"),
    b"From john Mon Jan 1\n" + HELLO: ("message", "line 1 is no header field"),
    b" x\n" + HELLO: ("message", "line 1 is no header field"),
    HELLO + b"X: y\n" * 500: ("message", "at most 500"),
    HELLO + b"Message-ID: 1@b.test\n\n": ("message-id", "in its < and >"),
    HELLO + b"Message-ID: <" + b"a" * 200 + b"@" + b"b" * 200 + b">\n\n": ("message-id", "320"),
    HELLO + b"Message-ID: <a>\n\n": ("message-id", "Message-ID"),
    b"From: j@b.test\nTo: friends: a@b.test;\n\n": ("to", "no plain list"),
    b"From: j@b.test\nBcc: a@b@c\n\n": ("bcc", "no plain list"),
}


@pytest.mark.parametrize(("octets", "told"), CASES.items())
def test_what_is_refused(octets: bytes, told: tuple[str, str]) -> None:
    place, words = refused(octets)
    assert place == told[0]
    assert told[1] in words


LISTS = {
    "": [],
    "a@b.test": ["a@b.test"],
    " a@b.test , ,Ann <B@c.test>": ["a@b.test", "B@c.test"],
    '"Poe, Ann" <a@b.test>, c@d.test': ["a@b.test", "c@d.test"],
    '"a\\", b" <a@b.test>, c@d.test': ["a@b.test", "c@d.test"],
    "a@b.test (one, two), c@d.test": ["a@b.test", "c@d.test"],
    '"(" <a@b.test>, c@d.test': ["a@b.test", "c@d.test"],
    "=?utf-8?q?A=2C?= <a@bücher.test>": ["a@xn--bcher-kva.test"],
}


@pytest.mark.parametrize(("value", "found"), LISTS.items())
def test_lists(value: str, found: list[str]) -> None:
    assert [one.address for one in split_parties("to", value)] == found


@given(
    st.lists(st.sampled_from([*b'aA:,;<>()"\\@ \t\r\n.\x00\xff']) | st.sampled_from([*b"From: To:@b.test"])).map(bytes)
)
def test_what_is_taken_reads_as_it_was_judged(octets: bytes) -> None:
    """Whatever the octets: a refusal, or a message with one From, whose header ends where we say it ends."""
    try:
        mail = read_raw(b"From: j@b.test\n" + octets, (Party("ann@x.test"),))
    except DraftRefused:
        return
    sent = mail.finished("<1@b.test>", "today")
    fields = header_fields(sent)
    assert [field.name.lower() for field in fields].count("from") == 1
    head, _, _ = sent.partition(b"\r\n\r\n")
    assert len(fields) == sum(line[:1] not in b" \t" for line in head.split(b"\r\n"))
    assert b"\n" not in sent.replace(b"\r\n", b"")
    assert b"\r" not in sent.replace(b"\r\n", b"")


def test_bcc_is_written_for_the_copy() -> None:
    assert bcc_field([]) == b""
    assert bcc_field([Party("a@b.test"), Party("c@d.test", "Ü")]) == b"Bcc: a@b.test, =?utf-8?b?w5w=?= <c@d.test>\r\n"
