"""The Message API beside a real Postfix: from the request to the delivered mail, and each way in which it may end."""

import json
import smtplib
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from admin_api.sending.courier import LEASE, Courier
from admin_api.sending.smtp import Line, Listener, hand_over
from byname.sandbox.site import PrivateSite
from conf.listen import parse_host_port
from conf.settings import load
from routing.handover import HANDOVER, Claim, handover_value
from store.clock import utc_now
from store.services import lookup
from store.services.sending import accepting, handing_over
from store.services.sending.accepting import Outgoing, Sender
from store.services.sending.handing_over import HandOver, Outcome
from store.sql.database import Database
from store.sql.tables import MessageRow
from tests.mail.dialogue import Dialogue, logged_in
from tests.mail.world import JOHN, MARY, fill

_keys = count(1)
LARGE = 25_000_000  # bytes of an attachment
NOWHERE = "ann@nowhere.example"  # whose mail Postfix takes and throws away: a sink that keeps it is slow


class Program:
    """A program with the message token of a mailbox."""

    def __init__(self, site: PrivateSite, mailbox: str = JOHN) -> None:
        made = site.run("token", "create", "--mailbox", mailbox, "--scope", "messages:send")
        headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
        self.client = httpx.Client(base_url=site.api_url, headers=headers, timeout=30, verify=False)

    def send(self, key: str | None = None, **more: Any) -> httpx.Response:
        """Ask to send a message."""
        body = {"to": ["ann@outside.example"], "subject": "Hello", "body": {"text": "Hello,\n\nbye\n"}, **more}
        key = key or f"key-{next(_keys)}"
        return self.client.post("/messages/send", json=body, headers={"Idempotency-Key": key})

    def sent(self, **more: Any) -> dict[str, Any]:
        """Send a message, and return what became of it."""
        answer = self.send(**more)
        assert answer.status_code == 202, answer.text
        return self.end_of(answer.json()["data"]["id"])

    def end_of(self, message: int, patience: float = 20) -> dict[str, Any]:
        """Wait until a message has come to its end."""
        give_up = time.monotonic() + patience
        while True:
            found: dict[str, Any] = self.client.get(f"/messages/{message}").json()["data"]
            if found["ended_at"] is not None or time.monotonic() > give_up:
                return found
            time.sleep(0.05)


@pytest.fixture(scope="module")
def site(needs_root: None) -> Iterator[PrivateSite]:
    more = {"message_size_limit": "50000000", "transport_maps": "inline:{ { nowhere.example = discard: } }"}
    with PrivateSite(fill, into_sink=True, api=True, sending=True, postfix_extra=more) as started:
        yield started


@pytest.fixture(scope="module")
def john(site: PrivateSite) -> Iterator[Program]:
    made = Program(site)
    yield made
    made.client.close()


def test_a_message_leaves_as_an_alias(site: PrivateSite, john: Program) -> None:
    found = john.sent(**{"from": "Brand B <sales@brand-b.test>"}, cc=[MARY], bcc=["Secret <carl@outside.example>"])
    assert (found["status"], found["sender"], found["refused"]) == ("sent", "sales@brand-b.test", []), found
    assert site.postfix.wait_for_log(rf"{found['queue_id']}: message-id={found['message_id']}")
    (outside,) = site.outside.wait_for(1)
    (inside,) = site.mailboxes.wait_for(1)
    assert set(outside.recipients) == {"ann@outside.example", "carl@outside.example"}
    assert (outside.sender, inside.recipients) == ("sales@brand-b.test", (MARY,))
    mail = message_from_bytes(outside.content, policy=policy.default)
    assert mail["From"] == "Brand B <sales@brand-b.test>"
    assert mail["Message-ID"] == found["message_id"]
    assert "carl" not in outside.content.decode()
    assert "X-Byname-Handover" not in outside.content.decode() + inside.content.decode()


def test_the_mailbox_itself_and_a_detail(site: PrivateSite, john: Program) -> None:
    assert john.sent()["sender"] == JOHN
    assert john.sent(**{"from": "john+orders@brand-a.test"})["status"] == "sent"
    first, _ = sorted(site.outside.wait_for(2), key=lambda one: one.sender)
    assert first.sender == "john+orders@brand-a.test"


# sender: status and code, in the order of the checks; what is not john's is told in the same words, whoever's it is
REFUSED = {
    "team@brand-a.test": (403, "sender-not-owned"),  # another mailbox's alias
    MARY: (403, "sender-not-owned"),
    "owner@other.test": (403, "sender-not-owned"),  # another account's
    "nobody@brand-a.test": (403, "sender-not-owned"),
    "ceo@bank.example": (403, "sender-not-owned"),
    "disabled@brand-a.test": (403, "sender-disabled"),  # although it has send on
    "info@brand-a.test": (403, "cannot-send-as"),
    "ceo@bank.example <john@brand-a.test>": (422, "invalid-request"),  # the guard over the header
}


@pytest.mark.parametrize(("sender", "told"), REFUSED.items())
def test_refused_senders(site: PrivateSite, john: Program, sender: str, told: tuple[int, str]) -> None:
    answer = john.send(**{"from": sender})
    assert (answer.status_code, answer.json()["code"]) == told
    assert answer.json()["errors"][0]["pointer"] == "/from"
    assert site.outside.wait_for(0) == []


def test_a_repeat_is_sent_once(site: PrivateSite, john: Program) -> None:
    answers = [john.send(key="once") for _ in range(5)]
    assert len({answer.text for answer in answers}) == 1
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, *["true"] * 4]
    john.end_of(answers[0].json()["data"]["id"])
    site.postfix.wait_until_idle()
    assert len(site.outside.wait_for(1)) == 1
    other = john.send(key="once", subject="another")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


def test_one_of_three_recipients_is_refused(site: PrivateSite, john: Program) -> None:
    found = john.sent(to=[MARY, "nobody@brand-a.test", "ann@outside.example"])
    assert found["status"] == "sent"
    assert found["refused"] == [
        {"address": "nobody@brand-a.test", "reply": "550 5.1.1 <nobody@brand-a.test>: user unknown"}
    ]
    assert len(site.outside.wait_for(1)) == len(site.mailboxes.wait_for(1)) == 1


def test_all_recipients_are_refused(john: Program) -> None:
    found = john.sent(to=["nobody@brand-a.test"])
    assert (found["status"], found["code"], found["queue_id"]) == ("refused", "rejected-by-mta", None)
    assert found["reply"] == "550 5.1.1 <nobody@brand-a.test>: user unknown"


def test_the_mail_server_is_down(site: PrivateSite, john: Program) -> None:
    site.postfix.stop()
    message = john.send(subject="patience").json()["data"]["id"]
    time.sleep(1.5)
    found = john.client.get(f"/messages/{message}").json()["data"]
    assert (found["status"], "cannot be reached" in found["reply"]) == ("accepted", True), found
    site.postfix.start()
    assert john.end_of(message, 30)["status"] == "sent"
    assert len(site.outside.wait_for(1)) == 1


SMUGGLED = "a\r\n.\r\nMAIL FROM:<x@y.test>\n.\nRCPT TO:<mary@brand-a.test>\r.\rDATA\n.\r\nb\n..\n"


@pytest.mark.parametrize("kind", ["text", "html"])
def test_no_second_message_hides_in_a_body(site: PrivateSite, john: Program, kind: str) -> None:
    assert john.sent(body={kind: SMUGGLED})["status"] == "sent"
    site.postfix.wait_until_idle()
    (mail,) = site.outside.wait_for(1)
    assert site.mailboxes.wait_for(0) == []
    text = message_from_bytes(mail.content, policy=policy.default).get_content()
    assert text.replace("\r\n", "\n") == SMUGGLED.replace("\r\n", "\n").replace("\r", "\n")


def test_a_large_attachment_in_bounded_memory(site: PrivateSite, john: Program) -> None:
    """25 MB, twice. It took 440 MB where the allocator was left to itself."""
    process = site.daemons["api"].pid
    attachment = {"filename": "a.bin", "content_type": "application/octet-stream"}
    content = b64encode(bytes(LARGE)).decode()
    before, tops = memory(process, "VmRSS"), []
    for _ in range(2):
        Path(f"/proc/{process}/clear_refs").write_text("5")  # VmHWM begins anew (proc(5))
        found = john.sent(to=[NOWHERE], attachments=[{**attachment, "content_base64": content}])
        assert found["status"] == "sent", found
        tops.append(memory(process, "VmHWM") - before)
        (size,) = site.postfix.wait_for_log(rf"{found['queue_id']}: from=.*, size=(\d+)").groups()
        assert int(size) > LARGE * 4 / 3
    assert max(tops) < 400 * 2**20, tops


def memory(process: int | None, field: str) -> int:
    """Return a figure of a process's memory in bytes (proc(5), status)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def test_messages_of_others_are_not_there(site: PrivateSite, john: Program) -> None:
    message = john.sent()["id"]
    for other in (Program(site, MARY), Program(site, "owner@other.test")):
        assert other.client.get(f"/messages/{message}").status_code == 404
        other.client.close()


def test_on_the_command_line(site: PrivateSite, john: Program) -> None:
    def send(sender: str) -> subprocess.CompletedProcess[str]:
        options = ("--mailbox", JOHN, "--from", sender, "--to", "ann@outside.example", "--subject", "Hello", "--json")
        return subprocess.run(
            site.command("send", *options), input="Hello,\n\nbye\n", capture_output=True, text=True, check=False
        )

    refused = send("info@brand-a.test")
    assert (refused.returncode, "cannot-send-as" in refused.stderr) == (65, True), refused
    done = send("sales@brand-b.test")
    assert done.returncode == 0, done.stderr
    assert john.end_of(json.loads(done.stdout)["id"])["status"] == "sent"
    (mail,) = site.outside.wait_for(1)
    assert mail.sender == "sales@brand-b.test"


# What is planted in the store stands for a bug of the API: the milter judges every message again.
PLANTED = {
    "a foreign envelope": ("team@brand-a.test", b"From: team@brand-a.test\r\n", "553 5.7.1 <team@brand-a.test>"),
    "a foreign header": (JOHN, b"From: team@brand-a.test\r\n", "550 5.7.1 <team@brand-a.test>"),
    "two authors": (
        JOHN,
        b"From: john@brand-a.test\r\nFrom: team@brand-a.test\r\n",
        "550 5.7.1 Sender address rejected",
    ),
}


@pytest.mark.parametrize(("sender", "header", "words"), PLANTED.values(), ids=PLANTED)
def test_the_milter_refuses_what_a_bug_lets_through(
    site: PrivateSite, john: Program, store: Database, sender: str, header: bytes, words: str
) -> None:
    found = john.end_of(planted(store, sender, header))
    assert found["status"] == "refused"
    assert found["reply"].startswith(words)
    assert site.outside.wait_for(0) == []


def test_killed_at_each_step(site: PrivateSite, store: Database) -> None:
    """One mail each: taken and not handed over; handed over and not noted; noted. The queue id is that of the first."""
    site.daemons["api"].stop()
    try:
        listener = listener_of(site)
        for killed_after in ("take", "hand over", "note"):
            message = planted(store, JOHN, b"From: john@brand-a.test\r\n", killed_after)
            now = utc_now()
            with store.write_rows() as rows:
                taken = handing_over.take(rows, now, LEASE)
            assert taken is not None
            assert taken.id == message
            told = None if killed_after == "take" else handed_over(listener, taken, now)
            if told is not None and killed_after == "note":
                with store.write_rows() as rows:
                    assert handing_over.note(rows, taken, told, now)
            courier = Courier(store, listener, now=lambda at=now: at + LEASE * 1.1)  # type: ignore[misc]
            assert courier.carry_one() is (killed_after != "note")
            assert not courier.carry_one()
            found = row(store, message)
            assert (found.state, found.content) == ("sent", None)
            assert told is None or found.queue_id == told.queue_id
        site.postfix.wait_until_idle()
        assert len(site.outside.wait_for(3)) == 3
    finally:
        site.start_daemon("api")
        site.wait_for_daemon("api")


def test_a_session_that_ended_meanwhile_is_replaced(site: PrivateSite, store: Database) -> None:
    """Also one that ended while nobody looked: nothing of the message had come through."""
    site.daemons["api"].stop()
    line = Line(listener_of(site))
    try:
        for number in range(3):
            message = planted(store, JOHN, b"From: john@brand-a.test\r\n", f"number {number}")
            with store.write_rows() as rows:
                taken = handing_over.take(rows, utc_now(), LEASE)
            assert taken is not None
            assert taken.id == message
            assert line.is_kept is (number > 0)
            if number == 2:
                assert line._smtp is not None
                assert line._smtp.sock is not None
                line._smtp.sock.shutdown(socket.SHUT_RDWR)
            told = hand_over(line, taken, utc_now())
            assert told.state == "sent"
            with store.write_rows() as rows:
                assert handing_over.note(rows, taken, told, utc_now())
        site.postfix.wait_until_idle()
        assert len(site.outside.wait_for(3)) == 3
    finally:
        line.close()
        site.start_daemon("api")
        site.wait_for_daemon("api")


def test_the_milter_forgot_and_the_outcome_is_unknown(site: PrivateSite, john: Program, store: Database) -> None:
    """The API killed between the mail server's answer and its note, and the milter restarted: nobody knows any more."""
    site.daemons["api"].stop()
    message = planted(store, JOHN, b"From: john@brand-a.test\r\n", "forgotten")
    with store.write_rows() as rows:
        taken = handing_over.take(rows, utc_now(), timedelta(0))
    assert taken is not None
    assert handed_over(listener_of(site), taken, utc_now()).state == "sent"
    site.daemons["internal"].stop()
    site.start_daemon("internal")
    site.wait_for_daemon("internal")
    at_once = handover_value(listener_of(site).key, Claim(JOHN, JOHN, "<1@brand-a.test>"), int(time.time()))
    assert Hand(site).say(f"{HANDOVER}: {at_once}").startswith("250 ")  # it takes what is keyed since it listens
    site.start_daemon("api")
    site.wait_for_daemon("api")
    found = john.end_of(message)
    assert (found["status"], "too old" in found["reply"]) == ("unknown", True)
    site.postfix.wait_until_idle()
    assert sorted(b"Subject: forgotten" in one.content for one in site.outside.wait_for(2)) == [False, True]


class Hand:
    """Somebody on the machine who speaks to the internal listener by hand."""

    def __init__(self, site: PrivateSite, login: str | None = JOHN) -> None:
        self.smtp = smtplib.SMTP("127.0.0.1", site.postfix.internal_port, "localhost", timeout=20)
        self.smtp.ehlo()
        if login is not None:
            self.smtp.docmd("XCLIENT", f"LOGIN={login}")
            self.smtp.ehlo()

    def say(self, *fields: str, sender: str = JOHN) -> str:
        """Send a message with these fields more; return the first refusal, or the last answer."""
        for code, text in (self.smtp.mail(sender), self.smtp.rcpt("ann@outside.example")):
            if code != 250:
                return f"{code} {text.decode()}"
        header = "".join(f"{one}\r\n" for one in (*fields, f"From: {sender}", "Message-ID: <1@brand-a.test>"))
        code, text = self.smtp.data(header + "\r\nbye\r\n")
        return f"{code} {text.decode()}"


def test_the_internal_listener_takes_a_key_and_each_once(site: PrivateSite) -> None:
    key, now = listener_of(site).key, int(time.time()) + 1  # no second of another test's key
    claim = Claim(JOHN, JOHN, "<1@brand-a.test>")

    def field(at: int = now, key: bytes = key, claim: Claim = claim) -> str:
        return f"{HANDOVER}: {handover_value(key, claim, at)}"

    forged, aged = (
        "550 5.7.1 Hand-over refused: its key does not hold",
        "550 5.7.1 Hand-over refused: its key is too old",
    )
    assert Hand(site, login=None).say(field()).startswith("530 5.7.0")
    assert Hand(site).say().startswith("550 5.7.1 Hand-over refused: it needs one X-Byname-Handover")
    assert Hand(site).say(field(), field()).startswith("550 5.7.1 Hand-over refused: it needs one")
    assert Hand(site).say(field(key=b"x" * 32)).startswith(forged)
    assert Hand(site, login=MARY).say(field(), sender=MARY).startswith(forged)
    assert Hand(site).say(field(claim=replace(claim, message_id="<2@brand-a.test>"))).startswith(forged)
    assert Hand(site).say(field(), sender="sales@brand-b.test").startswith(forged)
    assert Hand(site).say(field(now - 3700)).startswith(aged)
    assert Hand(site).say(field(now + 3600)).startswith(aged)
    taken = Hand(site).say(field())
    assert taken.startswith("250 2.0.0 Ok: queued as "), taken
    again = Hand(site).say(field())
    assert again == f"550 5.7.1 Hand-over refused: its key was used before, for {taken.split()[-1]}"
    log = (site.folder / "byname-internal.log").read_text()
    assert all(f"rule=handover-{rule}" in log for rule in ("missing", "forged", "aged", "used"))
    (mail,) = site.outside.wait_for(1)
    assert HANDOVER.encode() not in mail.content


def test_the_field_means_nothing_elsewhere_and_is_taken_away(site: PrivateSite) -> None:
    field = f"{HANDOVER}: {handover_value(listener_of(site).key, Claim(JOHN, JOHN, '<1@x.test>'), int(time.time()))}"
    message = f"{field}\r\n{field}\r\nFrom: {JOHN}\r\nMessage-ID: <1@x.test>\r\n\r\nbye\r\n"
    client = logged_in(site, JOHN)
    client.sendmail(JOHN, ["ann@outside.example"], message)
    client.quit()
    with Dialogue(site.postfix.inbound_port) as smtp:
        assert smtp.mail([f"<{MARY}>"], message.encode())[-1].startswith("250 2.0.0")
    (outside,), (inside,) = site.outside.wait_for(1), site.mailboxes.wait_for(1)
    assert HANDOVER.encode() not in outside.content + inside.content


def planted(store: Database, sender: str, header: bytes, subject: str = "planted", login: str = JOHN) -> int:
    """Put a message into the store that no check has seen."""
    message_id = f"<planted-{next(_keys)}@brand-a.test>"
    content = header + f"Subject: {subject}\r\nMessage-ID: {message_id}\r\n\r\nbye\r\n".encode()
    with store.write() as tx:
        outgoing = Outgoing(sender, login, message_id, ("ann@outside.example",), content)
        return accepting.accept(tx, Sender.of(lookup.mailbox(tx, login)), outgoing, per_day=10_000).id


def handed_over(listener: Listener, taken: HandOver, now: datetime) -> Outcome:
    line = Line(listener)
    try:
        return hand_over(line, taken, now)
    finally:
        line.close()


def row(store: Database, message: int) -> Any:
    with store.read() as tx:
        found = tx.get_one(MessageRow, message)
        assert found.content is None or found.content
        return found


def listener_of(site: PrivateSite) -> Listener:
    settings = load(site.config, {})
    return Listener(parse_host_port(str(settings.sending.listener)), str(settings.sending.key).encode())


@pytest.fixture
def store(site: PrivateSite) -> Iterator[Database]:
    opened = Database.open(site.url)
    yield opened
    opened.close()
