"""Copies of sent messages in the mailboxes' own folders of sent mail, in a real Dovecot."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry

from admin_api.sending.imap import CopyFailed, SentFolder, keep
from admin_api.sending.metrics import SendingMetrics
from admin_api.sending.sent_copies import GIVEN_UP, LEASE, SentCopies
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.site import PrivateSite
from byname.wiring.api import sent_folder
from conf.clients import Server
from conf.settings import load
from store.clock import utc_now
from store.services.sending import copying
from store.sql.database import Database
from store.sql.tables import MessageRow
from tests.mail.test_messages import Program
from tests.mail.world import JOHN, MARY, PASSWORD, fill


@pytest.fixture(scope="module")
def site(needs_root: None) -> Iterator[PrivateSite]:
    with PrivateSite(fill, into_sink=True, api=True, sending=True, sent_copies=True) as started:
        yield started


@pytest.fixture(scope="module")
def john(site: PrivateSite) -> Iterator[Program]:
    """One whose folder of sent mail is there, and marked as such."""
    with IMAPClient(LOOPBACK, site.dovecot.imap_port, ssl=False) as client:
        client.login(JOHN, PASSWORD)
        client.create_folder("Gesendet")
    made = Program(site)
    yield made
    made.client.close()


@pytest.fixture
def store(site: PrivateSite) -> Iterator[Database]:
    opened = Database.open(site.url)
    yield opened
    opened.close()


def folders(site: PrivateSite, login: str) -> dict[str, list[bytes]]:
    """Return the messages of a mailbox by folder."""
    with IMAPClient(LOOPBACK, site.dovecot.imap_port, ssl=False) as client:
        client.login(login, PASSWORD)
        found = {}
        for _, _, name in client.list_folders():
            client.select_folder(name, readonly=True)
            answers = client.fetch(client.search(), ["BODY[]", "FLAGS"])
            assert all(b"\\Seen" in one[b"FLAGS"] for one in answers.values() if name != "INBOX")
            found[name] = [one[b"BODY[]"] for _, one in sorted(answers.items())]
        return found


def copied(program: Program, message: int, wanted: str = "kept") -> dict[str, Any]:
    """Wait until the copy of a message has come to be as wanted."""
    give_up = time.monotonic() + 30
    while True:
        found: dict[str, Any] = program.client.get(f"/messages/{message}").json()["data"]
        if found["sent_copy"]["status"] == wanted or time.monotonic() > give_up:
            return found
        time.sleep(0.05)


def test_the_folder_is_made_and_shows_whom_it_went_to(site: PrivateSite, store: Database) -> None:
    mary = Program(site, MARY)
    sent = mary.sent(subject="to be kept", bcc=["Carl <carl@outside.example>", "ann@outside.example"])
    assert copied(mary, sent["id"])["sent_copy"] == {"status": "kept", "reason": None}
    (copy,) = folders(site, MARY)["Sent"]
    mail = message_from_bytes(copy, policy=policy.default)
    assert (mail["Message-ID"], mail["Subject"]) == (sent["message_id"], "to be kept")
    assert mail["Bcc"] == "Carl <carl@outside.example>"  # and ann, who stands in To anyhow
    assert b"carl" not in site.outside.wait_for(1)[0].content
    with store.read() as tx:
        row = tx.get_one(MessageRow, sent["id"])
        assert (row.content, row.copy_head, row.copy_due_at) == (None, None, None)
    with IMAPClient(LOOPBACK, site.dovecot.imap_port, ssl=False) as client:
        client.login(MARY, PASSWORD)
        assert [name for _, _, name in client.list_sub_folders()] == ["Sent"]
    mary.client.close()


def test_the_marked_folder_is_taken(site: PrivateSite, john: Program) -> None:
    assert copied(john, john.sent(subject="marked")["id"])["sent_copy"]["status"] == "kept"
    found = folders(site, JOHN)
    assert ("Sent" in found, sum(b"marked" in one for one in found["Gesendet"])) == (False, 1)


def test_no_copy_of_what_was_refused(site: PrivateSite, john: Program, store: Database) -> None:
    found = john.sent(to=["nobody@brand-a.test"])
    assert (found["status"], found["sent_copy"]) == ("refused", {"status": "none", "reason": None})
    with store.read() as tx:
        row = tx.get_one(MessageRow, found["id"])
        assert (row.content, row.copy_head, row.copy_due_at) == (None, None, None)


def test_the_mail_is_sent_whatever_becomes_of_the_copy(site: PrivateSite, john: Program, store: Database) -> None:
    """Dovecot is down: the copy waits, and is made once it is there again."""
    site.dovecot.stop()
    found = john.sent(subject="patience")
    assert found["status"] == "sent"
    waiting = reasoned(john, found["id"])
    assert waiting["sent_copy"]["status"] == "pending"
    assert "refused" in waiting["sent_copy"]["reason"]
    assert "byname" not in waiting["sent_copy"]["reason"]
    site.dovecot.start()
    registry = CollectorRegistry()
    meters = SendingMetrics(registry, store)
    assert registry.get_sample_value("byname_sent_copies_waiting") == 1
    assert registry.get_sample_value("byname_messages_waiting") == 0
    later = SentCopies(store, into(site), now=lambda: utc_now() + timedelta(hours=2), meters=meters)
    assert later.keep_one()
    assert registry.get_sample_value("byname_sent_copies_total", {"outcome": "kept"}) == 1
    assert registry.get_sample_value("byname_sent_copies_waiting") == 0
    assert copied(john, found["id"])["sent_copy"] == {"status": "kept", "reason": None}
    assert sum(b"patience" in one for one in folders(site, JOHN)["Gesendet"]) == 1
    assert "sent-copy" in (site.folder / "byname-api.log").read_text()
    assert site.dovecot.master_password not in (site.folder / "byname-api.log").read_text()


def test_it_is_given_up_after_a_day(site: PrivateSite, john: Program, store: Database) -> None:
    message = john.sent(subject="given up")["id"]
    copied(john, message)
    with store.write() as tx:
        row = tx.get_one(MessageRow, message)
        row.copy_state, row.copy_due_at, row.content = "pending", utc_now() + timedelta(hours=30), b"x"
    copies = SentCopies(store, replace(into(site), password="wrong"), now=lambda: utc_now() + timedelta(hours=31))
    assert copies.keep_one()
    found = john.client.get(f"/messages/{message}").json()["data"]["sent_copy"]
    assert found["status"] == "failed"
    assert found["reason"].startswith("given up after 24 hours; it failed last: ")
    assert timedelta(hours=31) > GIVEN_UP
    with store.read() as tx:
        assert tx.get_one(MessageRow, message).content is None


def test_never_twice(site: PrivateSite, john: Program, store: Database) -> None:
    """Killed between the append and its note: the next one finds it there."""
    message = john.sent(subject="once and no more")["id"]
    copied(john, message)
    with store.write() as tx:
        row = tx.get_one(MessageRow, message)
        row.copy_state, row.copy_due_at = "pending", utc_now() + timedelta(hours=1)
        row.content = b"Subject: once and no more\r\nMessage-ID: " + row.message_id.encode() + b"\r\n\r\nbye\r\n"
        row.state = "sent"
    with store.write() as tx:
        taken = copying.take(tx, utc_now() + timedelta(hours=2), LEASE)
    assert taken is not None
    assert taken.id == message
    outcome = keep(into(site), taken)
    with store.write() as tx:
        assert copying.note(tx, taken, outcome, utc_now())
    assert sum(b"once and no more" in one for one in folders(site, JOHN)["Gesendet"]) == 1
    assert copied(john, message)["sent_copy"]["status"] == "kept"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wrong"}, "AUTHENTICATIONFAILED"),
        ({"authority": None}, "certificate verify failed"),
        ({}, "AUTHORIZATIONFAILED"),  # of a mailbox that Dovecot does not know
    ],
)
def test_what_goes_wrong_is_told_and_no_secret(
    site: PrivateSite, store: Database, change: dict[str, Any], words: str
) -> None:
    login = MARY if change else "nobody@brand-a.test"
    copy = copying.CopyToKeep(1, 1, login, "<x@brand-a.test>", b"Subject: x\r\n\r\nbye\r\n", utc_now())
    where = replace(into(site), **change)
    with pytest.raises(CopyFailed, match=words) as told:
        keep(where, copy)
    assert site.dovecot.master_password not in str(told.value)
    assert site.dovecot.master_password not in repr(where)


def test_a_server_that_says_nothing_is_left(site: PrivateSite) -> None:
    copy = copying.CopyToKeep(1, 1, MARY, "<x@brand-a.test>", b"Subject: x\r\n\r\nbye\r\n", utc_now())
    with socket.create_server((LOOPBACK, 0)) as silent:
        where = replace(into(site), server=Server(LOOPBACK, silent.getsockname()[1], "STARTTLS"), timeout=0.3)
        with pytest.raises(CopyFailed, match="timed out"):
            keep(where, copy)


def test_a_server_that_takes_too_long_gets_nothing(site: PrivateSite) -> None:
    """The lease would be over before the message is there, and another one would put it there too."""
    copy = copying.CopyToKeep(1, 1, MARY, "<late@brand-a.test>", b"Subject: late\r\n\r\nbye\r\n", utc_now())
    with pytest.raises(CopyFailed, match="more than 0 s to get ready"):
        keep(replace(into(site), patience=0), copy)
    assert not any(b"Subject: late" in one for there in folders(site, MARY).values() for one in there)


def reasoned(program: Program, message: int) -> dict[str, Any]:
    """Wait until there is a reason why the copy is not there."""
    give_up = time.monotonic() + 30
    while True:
        found: dict[str, Any] = program.client.get(f"/messages/{message}").json()["data"]
        if found["sent_copy"]["reason"] or time.monotonic() > give_up:
            return found
        time.sleep(0.05)


def into(site: PrivateSite) -> SentFolder:
    found = sent_folder(load(Path(site.config), {}).sent_copy)
    assert found is not None
    return found
