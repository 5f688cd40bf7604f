"""Messages of programs: what is refused, and that whatever passes reads back as it was given, whoever reads it."""

import re
from contextlib import suppress
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import outgoing
from routing.header_from import parse_author
from routing.header_refused import HeaderRefused
from routing.outgoing import Draft, DraftRefused, Party
from routing.outgoing_text import compose
from routing.raw_message import read_message

JOHN, ANN = Party("john@brand-a.test", "John Doe"), Party("ann@outside.example")
DATE = "Sun, 29 Nov 2026 11:45:00 +0000"


def composed(**more: object) -> bytes:
    parts: dict[str, object] = {"sender": JOHN, "to": [ANN], "subject": "Hello", "text": "bye\n", **more}
    return compose(Draft(**parts), "<1@brand-a.test>", DATE)  # type: ignore[arg-type]


def read(content: bytes) -> EmailMessage:
    """Return the message as the library reads it, once it is seen to be plain mail."""
    assert content.isascii()
    assert b"\0" not in content
    assert re.search(rb"\r(?!\n)|(?<!\r)\n", content) is None
    assert max(map(len, content.split(b"\r\n"))) <= 998
    return message_from_bytes(content, policy=policy.default)


def names(content: bytes) -> list[str]:
    return [field.name for field in read_message(content).fields]


def value_of(content: bytes, name: str) -> bytes:
    (value,) = [field.value for field in read_message(content).fields if field.name == name]
    return value.strip()


def decoded(content: bytes, name: str) -> str:
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", value_of(content, name).decode())
    return str(make_header(decode_header(unfolded)))


PLAIN_NAMES = ["Date", "From", "To", "Subject", "Message-ID", "Content-Type", "Content-Transfer-Encoding",
               "MIME-Version"]  # fmt: skip
HOSTILE = ["a\r\nBcc: x@y.test", "a\nb", "a\rb", "a\0b", "a\x0bb", "a\x85b", "a\u2028b", "\x7f", "\ud800"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_field_takes_a_line_break_or_control_character(text: str) -> None:
    for ask in (
        lambda: outgoing.plain_text("x", text),
        lambda: outgoing.party("x", f"{text} <ann@outside.example>"),
        lambda: outgoing.party("x", f'"{text}" <ann@outside.example>'),
        lambda: outgoing.party("x", f"ann{text}@outside.example"),
        lambda: outgoing.party("x", f"ann@outside{text}.example"),
        lambda: outgoing.headers("x", {"X-Shop": text}),
        lambda: outgoing.headers("x", {f"X-Shop{text}": "1"}),
        lambda: outgoing.message_id("x", f"<{text}@b.test>"),
        lambda: outgoing.attachment("x", text, "text/plain", b""),
        lambda: outgoing.attachment("x", "a.txt", f"text/plain{text}", b""),
        lambda: outgoing.attachment("x", "a.txt", "text/plain", b"", text),
    ):
        with pytest.raises(DraftRefused):
            ask()


@pytest.mark.parametrize(
    "name",
    ["From", "from", "Sender", "Resent-From", "To", "Bcc", "Date", "Message-ID", "Received", "Return-Path", "Subject",
     "DKIM-Signature", "MIME-Version", "Content-Type", "X-Byname-Handover", "x-byname-trace", "Delivered-To", "X A",
     "X:", "", "Authentication-Results", "X-Mailbox-Line", "In-Reply-To", "Disposition-Notification-To"],
)  # fmt: skip
def test_fields_that_no_program_may_set(name: str) -> None:
    with pytest.raises(DraftRefused) as refused:
        outgoing.headers("headers", {name: "x"})
    assert refused.value.place == f"headers/{name}"


@pytest.mark.parametrize("name", ["a/b", "a\\b", "=?utf-8?q?=0D=0A?=", "gpj.exe\u202e", " a", "a ", "", "x" * 201])
def test_file_names_that_are_refused(name: str) -> None:
    with pytest.raises(DraftRefused):
        outgoing.attachment("attachments/0", name, "text/plain", b"")


@pytest.mark.parametrize("kind", ["message/rfc822", "multipart/mixed", "text", "text/plain; charset=x", "a/b/c", ""])
def test_media_types_that_are_refused(kind: str) -> None:
    with pytest.raises(DraftRefused):
        outgoing.attachment("attachments/0", "a.txt", kind, b"")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann@outside.example", Party("ann@outside.example")),
        ("<Ann@Outside.Example>", Party("Ann@outside.example")),  # another system may tell A from a
        ('"Doe, Ann" <ann@outside.example>', Party("ann@outside.example", "Doe, Ann")),
        ("Ann \U0001f600 <ann@b\u00fccher.test>", Party("ann@xn--bcher-kva.test", "Ann \U0001f600")),
        ("\u05e9\u05dc\u05d5\u05dd <ann@outside.example>", Party("ann@outside.example", "\u05e9\u05dc\u05d5\u05dd")),
    ],
)
def test_parties(text: str, expected: Party) -> None:
    assert outgoing.party("to/0", text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "ann", "@outside.example", "ann@", "ann@[192.0.2.1]", "a@b@c.test", "ann@outside.example, x@y.test",
     "<ann@outside.example> x", "@r.test:ann@outside.example", '"a b"@outside.example', "\u00e4@outside.example"],
)  # fmt: skip
def test_what_is_no_party(text: str) -> None:
    with pytest.raises(DraftRefused):
        outgoing.party("to/0", text)


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=300)
_LOOKS_ENCODED = st.sampled_from(["=?utf-8?q?=0D=0ABcc:_x?=", "=?utf-8?b?DQo=?= =?x?=", "a  b", "x" * 2000, "=?"])


@given(_TEXT | _LOOKS_ENCODED)
def test_a_subject_reads_back(text: str) -> None:
    subject = outgoing.plain_text("subject", text)
    content = composed(subject=subject, headers=outgoing.headers("headers", {"X-Shop": text}))
    assert names(content) == [*PLAIN_NAMES[:5], "X-Shop", *PLAIN_NAMES[5:]]
    assert decoded(content, "Subject") == decoded(content, "X-Shop") == subject
    read(content)


@given(st.text(max_size=200) | _LOOKS_ENCODED.filter(lambda text: len(text) < 200))
def test_a_name_passes_the_guard_or_is_refused(name: str) -> None:
    """Whatever name is taken, the guard's parser reads the address that was meant, or refuses the field."""
    try:
        sender = outgoing.party("from", f"{name} <john@brand-a.test>")
    except DraftRefused:
        return
    content = composed(sender=sender, to=[sender, ANN])
    assert names(content) == PLAIN_NAMES
    with suppress(HeaderRefused):
        assert str(parse_author(value_of(content, "From")).address) == "john@brand-a.test"
    assert read(content)["To"].addresses[-1].addr_spec == ANN.address


@given(st.text(max_size=400), st.text(max_size=400))
def test_a_body_reads_back(text: str, html: str) -> None:
    if "\0" in text + html:
        with pytest.raises(DraftRefused):
            outgoing.body_text("body/text", text + html)
        return
    try:
        given_text, given_html = (outgoing.body_text("body", one) for one in (text, html))
    except DraftRefused:  # lone surrogates
        return
    mail = read(composed(text=given_text, html=given_html))
    for kind, expected in (("plain", given_text), ("html", given_html)):
        part = mail.get_body((kind,))
        assert part is not None
        found = part.get_payload(decode=True).decode()  # type: ignore[union-attr]
        assert found.replace("\r\n", "\n").rstrip("\n") == expected.rstrip("\n")


SMUGGLED = "a\r\n.\r\nMAIL FROM:<x@y.test>\n.\n\r.\r b \r\n.\n"


def test_a_body_ends_no_message() -> None:
    """Line ends are CRLF, so that dot-stuffing, which the hand-over does, sees each line."""
    read(composed(text=outgoing.body_text("body", SMUGGLED)))


@given(st.binary(max_size=300), st.text(min_size=1, max_size=200))
def test_an_attachment_reads_back(content: bytes, name: str) -> None:
    try:
        file = outgoing.attachment("attachments/0", name, "application/pdf", content)
    except DraftRefused:
        return
    mail = read(composed(attachments=[file]))
    (part,) = mail.iter_attachments()
    assert (part.get_filename(), part.get_payload(decode=True)) == (name, content)


def test_pictures_and_files() -> None:
    picture = outgoing.attachment("a/0", "logo.png", "image/png", b"png", "logo")
    file = outgoing.attachment("a/1", "order.pdf", "application/pdf", b"pdf")
    mail = read(composed(html='<img src="cid:logo">', attachments=[picture, file]))
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "application/pdf",
    ]  # fmt: skip
    only_html = read(composed(text=None, html='<img src="cid:logo">', attachments=[picture]))
    assert [part.get_content_type() for part in only_html.walk()] == ["multipart/related", "text/html", "image/png"]
    assert only_html.get_payload()[1]["Content-ID"] == "<logo>"  # type: ignore[index]


def test_an_answer() -> None:
    content = composed(in_reply_to="<2@x.test>", headers={"References": "<1@x.test> <2@x.test>"})
    assert value_of(content, "In-Reply-To") == b"<2@x.test>"
    assert value_of(content, "References") == b"<1@x.test> <2@x.test>"


def test_bcc_stands_in_the_envelope_only() -> None:
    draft = Draft(JOHN, [ANN], "x", bcc=[Party("carl@outside.example"), ANN], text="x")
    assert draft.recipients == ("ann@outside.example", "carl@outside.example")
    assert b"carl" not in compose(draft, "<1@brand-a.test>", DATE)


def test_lists_of_parties_name_the_place() -> None:
    assert outgoing.parties("to", ["a@b.test"]) == (Party("a@b.test"),)
    with pytest.raises(DraftRefused) as told:
        outgoing.parties("to", ["a@b.test", "none"])
    assert told.value.place == "to/1"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"X-A": "x" * 2001}, "at most 2000 characters"),
        ({"X-A": "1", "x-a": "2"}, "must stand once only"),
        ({"List-Id": "x" * 901}, "no word of it longer than 900"),
        ({"List-Id": "ü"}, "must be ASCII"),
    ],
)
def test_further_fields_that_are_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(DraftRefused, match=words):
        outgoing.headers("headers", given)


def test_what_would_read_otherwise_is_not_composed() -> None:
    """A field that no check has seen stands for a bug of ours."""
    john = Party("john@brand-a.test")
    with pytest.raises(RuntimeError, match="reads otherwise"):
        compose(Draft(john, [john], "x", text="x", headers={"no field": "1"}), "<1@brand-a.test>", "today")


def test_no_nul_in_a_body() -> None:
    with pytest.raises(DraftRefused, match="NUL"):
        outgoing.body_text("body/text", "a\0")


def test_a_long_subject_in_any_script_is_several_words() -> None:
    subject = "ü" * 40
    content = composed(subject=subject)
    assert content.count(b"=?utf-8?b?") == 3
    assert read(content)["Subject"] == subject


def test_a_name_with_specials_is_quoted() -> None:
    content = composed(to=[Party("ann@x.test", 'Poe, "Ann"')])
    assert b'To: "Poe, \\"Ann\\"" <ann@x.test>\r\n' in content


@given(st.text("ab \t\r\n.\x0c\x1c\x85=é", max_size=200) | st.integers(70, 90).map("x".__mul__))
def test_a_plain_text_is_written_as_the_library_writes_it(text: str) -> None:
    """The usual message goes past the library."""
    content = compose(Draft(Party("a@b.example"), (Party("c@d.example"),), "", text=text), "<1@b.example>", "now")
    expected = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))
    expected.set_content(text)
    assert content.endswith(b"Message-ID: <1@b.example>\r\n" + expected.as_bytes())
