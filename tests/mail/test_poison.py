"""What a stranger or a logged-in user may type: never a 451 while everything is healthy, never a second message."""

import base64
import smtplib
import ssl
from collections.abc import Sequence

import pytest

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import Dialogue, data_as_it_is, logged_in
from tests.mail.world import JOHN, PASSWORD

OWN = b"From: John <john@brand-a.test>"
POISON = [
    b"%", b"%s%n%x%d", b"%%", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\x7f", b"\x01\x1b[2J",
    b"a\tb",
    b"{auth_authen}", b"$USER", b"`id`", b"'; DROP TABLE addresses;--", b"\\", b'"', b'"a b"', b"x" * 300,
    b"..", b"(a)",
]  # fmt: skip
QUEUED = "250 2.0.0 Ok: queued as "


def line(client: smtplib.SMTP, command: bytes) -> str:
    """Send a command as it is, and return its reply."""
    client.send(command + b"\r\n")
    code, text = client.getreply()
    return f"{code} {text.decode('utf-8', 'backslashreplace')}"


def temporary(replies: Sequence[str]) -> list[str]:
    return [reply for reply in replies if reply.startswith("4")]


@pytest.mark.parametrize("poison", POISON)
def test_commands_on_submission(site: PrivateSite, poison: bytes) -> None:
    replies = []
    with logged_in(site, JOHN) as client:
        for path in (b"<%s@brand-a.test>", b"<john@%s>", b"<john@brand-a.test> %s", b"<%s>", b"%s"):
            replies.append(line(client, b"MAIL FROM:" + path.replace(b"%s", poison)))
            client.rset()
        for path in (b"<%s@brand-a.test>", b"<john@%s>", b"<john@brand-a.test> %s", b"<%s>", b"%s"):
            line(client, b"MAIL FROM:<john@brand-a.test>")
            replies.append(line(client, b"RCPT TO:" + path.replace(b"%s", poison)))
            client.rset()
        assert line(client, b"MAIL FROM:<john@brand-a.test>").startswith("250")
    assert temporary(replies) == []


@pytest.mark.parametrize("poison", POISON)
def test_commands_on_inbound(site: PrivateSite, poison: bytes) -> None:
    replies = []
    with Dialogue(site.postfix.inbound_port) as smtp:
        replies.append(smtp.say(b"EHLO " + poison))
        smtp.say("EHLO client.test")
        for path in (b"<%s@brand-a.test>", b"<x@%s>", b"<x@outside.example> %s"):
            replies.append(smtp.say(b"MAIL FROM:" + path.replace(b"%s", poison)))
            smtp.say("RSET")
            smtp.say("MAIL FROM:<x@outside.example>")
            replies.append(smtp.say(b"RCPT TO:" + path.replace(b"%s", poison)))
            smtp.say("RSET")
        replies += smtp.mail([f"<{JOHN}>"])
    assert temporary(replies) == []
    assert replies[-1].startswith(QUEUED)


@pytest.mark.parametrize("poison", POISON)
def test_headers(site: PrivateSite, poison: bytes) -> None:
    replies = []
    with logged_in(site, JOHN) as client:
        for header in (
            OWN + b"\r\nSubject: " + poison,
            OWN + b"\r\nX-" + poison + b": x",
            b"From: " + poison,
            b"From: " + poison + b" <john@brand-a.test>",
            b"From: <" + poison + b"@brand-a.test>",
            OWN + b"\r\nSender: " + poison,
            OWN + b"\r\nFrom" + poison + b": ceo@bank.test",
        ):
            line(client, b"MAIL FROM:<>")
            line(client, b"RCPT TO:<friend@outside.example>")
            code, text = data_as_it_is(client, header + b"\r\n\r\nx\r\n")
            replies.append(f"{code} {text!r}")
            client.rset()
    assert temporary(replies) == []


@pytest.mark.parametrize("poison", POISON)
def test_login_names(site: PrivateSite, poison: bytes) -> None:
    context = ssl.create_default_context(cafile=site.certificate.certificate)
    with smtplib.SMTP_SSL("localhost", site.postfix.submissions_port, context=context) as client:
        client.ehlo()
        plain = base64.b64encode(b"\0" + poison + b"@brand-a.test\0" + PASSWORD.encode())
        reply = line(client, b"AUTH PLAIN " + plain)
        assert reply.startswith("535 "), reply
        assert line(client, b"MAIL FROM:<john@brand-a.test>").startswith("530 5.7.0 ")


ENDS = [  # what some servers take for the end of a message, and Postfix must not
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r.\n", b"\n.\r", b"\n\n.\n", b"\r\n.\0\r\n",
    b"\r\n\0.\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n. \r\n",
]  # fmt: skip
SECOND = b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\nFrom: ceo@bank.test\r\n\r\nsmuggled\r\n.\r\n"


@pytest.mark.parametrize("end", ENDS)
def test_no_second_message_is_smuggled_through_submission(site: PrivateSite, end: bytes) -> None:
    second = SECOND % (b"ceo@bank.test", b"victim@outside.example")
    with logged_in(site, JOHN) as client:
        line(client, b"MAIL FROM:<john@brand-a.test>")
        line(client, b"RCPT TO:<friend@outside.example>")
        line(client, b"DATA")
        client.send(OWN + b"\r\n\r\nfirst" + end + second)
        assert client.getreply()[0] in {250, 521, 550}
    site.postfix.wait_until_idle()
    assert {each.sender for each in site.outside.deliveries} <= {JOHN}
    assert {each.recipients for each in site.outside.deliveries} <= {("friend@outside.example",)}
    assert len(site.outside.deliveries) <= 1


@pytest.mark.parametrize("end", ENDS)
def test_no_second_message_is_smuggled_through_inbound(site: PrivateSite, end: bytes) -> None:
    second = SECOND % (b"mary@brand-a.test", b"mary@brand-a.test")
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.say("MAIL FROM:<ann@outside.example>")
        smtp.say(f"RCPT TO:<{JOHN}>")
        smtp.say("DATA")
        smtp.send(b"From: ann@outside.example\r\n\r\nfirst" + end + second[:-2])
        assert smtp.reply()[:3] in {"250", "521", "550"}
    site.postfix.wait_until_idle()
    assert {each.recipients for each in site.mailboxes.deliveries} <= {(JOHN,)}
    assert len(site.mailboxes.deliveries) <= 1


PIPELINED = [  # MAIL, header, the codes of MAIL, RCPT, DATA and, if DATA was taken, the message
    (b"<john@brand-a.test>", OWN, ["250", "250", "354", "250"]),
    (b"<mary@brand-a.test>", OWN, ["553", "503", "503"]),
    (b"<john@brand-a.test>", b"From: mary@brand-a.test", ["250", "250", "354", "550"]),
    (b"<>", b"From: mary@brand-a.test", ["250", "250", "354", "550"]),
]


@pytest.mark.parametrize(("sender", "header", "codes"), PIPELINED)
def test_pipelining(site: PrivateSite, sender: bytes, header: bytes, codes: list[str]) -> None:
    with logged_in(site, JOHN) as client:
        for _ in range(2):
            client.send(b"MAIL FROM:" + sender + b"\r\nRCPT TO:<friend@outside.example>\r\nDATA\r\n")
            found = [str(client.getreply()[0]) for _ in range(3)]
            if found[-1] == "354":
                client.send(header + b"\r\n\r\nx\r\n.\r\n")
                found.append(str(client.getreply()[0]))
            assert found == codes
            client.rset()


CHUNKED = [
    ([OWN + b"\r\n\r\nx\r\n"], "250"),
    ([b"Fr", b"om: John <john@", b"brand-a.test>\r\n\r\nx\r\n"], "250"),
    ([b"From: mary@brand-a.test\r\n\r\nx\r\n"], "550"),
    ([b"From: jo", b"hn@brand-a.test\r\nFr", b"om: mary@brand-a.test\r\n\r\n", b"x\r\n"], "550"),
    ([b"From: mary@brand-a", b".test\r\n", b""], "550"),
    ([OWN + b"\r\n\r\n.\r\nMAIL FROM:<ceo@bank.test>\r\n"], "250"),  # a lone dot ends nothing here
]


@pytest.mark.parametrize(("chunks", "code"), CHUNKED)
def test_bdat(site: PrivateSite, chunks: list[bytes], code: str) -> None:
    with logged_in(site, JOHN) as client:
        assert client.has_extn("chunking")
        line(client, b"MAIL FROM:<john@brand-a.test>")
        line(client, b"RCPT TO:<friend@outside.example>")
        reply = ""
        for number, chunk in enumerate(chunks, 1):
            last = b" LAST" if number == len(chunks) else b""
            client.send(b"BDAT %d%s\r\n" % (len(chunk), last) + chunk)
            reply = str(client.getreply()[0])
        assert reply == code
    site.postfix.wait_until_idle()
    assert len(site.outside.deliveries) == (code == "250")
