"""Aliases that expire, through a real Postfix: recipients, senders, and an end in the middle of a message."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from byname.sandbox.site import PrivateSite
from store.services import aliases
from store.sql.database import Database
from store.sql.tables import AliasRow
from tests.mail.dialogue import MESSAGE, Dialogue, logged_in, submit
from tests.mail.headers import delivered_to
from tests.mail.world import JOHN

FAIR, UNDER_CATCH_ALL = "toggled@brand-a.test", "toggled@brand-b.test"
OWN = b"From: john@brand-a.test"
EXPIRED = f"this alias of {JOHN} has expired"


@pytest.fixture
def store(site: PrivateSite) -> Iterator[Database]:
    """The store beside the running milters; afterwards nothing expires any more."""
    database = Database.open(f"sqlite:///{site.database}")
    yield database
    for name in (FAIR, UNDER_CATCH_ALL):
        with database.write() as tx:
            aliases.update(tx, name, expires_at=None, can_send=False)
    database.close()


def ends_in(store: Database, name: str, seconds: float | None, *, can_send: bool = True) -> None:
    at = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
    with store.write() as tx:
        aliases.update(tx, name, expires_at=at, can_send=can_send)


def has_ended(store: Database, name: str) -> None:
    """As one whose date has come."""
    ends_in(store, name, 3600)
    with store.write() as tx:
        id_ = aliases.get(tx, name).id
        tx.execute(update(AliasRow).where(AliasRow.id == id_).values(off_at=int(time.time()) - 1))


def test_recipients(site: PrivateSite, store: Database) -> None:
    for name in (FAIR, UNDER_CATCH_ALL):
        detailed = name.replace("@", "+x@")
        ends_in(store, name, 3600)
        with Dialogue(site.postfix.inbound_port) as smtp:
            assert smtp.mail([f"<{name}>"])[1].startswith("250")
        has_ended(store, name)
        with Dialogue(site.postfix.inbound_port) as smtp:
            for written in (name, detailed):
                assert smtp.mail([f"<{written}>"])[1] == f"550 5.1.1 <{written}>: user unknown"
        ends_in(store, name, 3600)
        with Dialogue(site.postfix.inbound_port) as smtp:
            assert smtp.mail([f"<{detailed}>"])[1].startswith("250")
    site.postfix.wait_until_idle()
    shown = [delivered_to(delivery.content) for delivery in site.mailboxes.wait_for(4)]
    assert sorted(shown) == sorted([[FAIR], [UNDER_CATCH_ALL], ["toggled+x@brand-a.test"], ["toggled+x@brand-b.test"]])


def test_senders(site: PrivateSite, store: Database) -> None:
    def replies() -> list[str]:
        with logged_in(site, JOHN) as client:
            return [
                submit(client, f"<{FAIR}>", OWN),
                submit(client, f"<{JOHN}>", f"From: {FAIR}".encode()),
                submit(client, "<toggled+x@brand-a.test>", OWN),
            ]

    ends_in(store, FAIR, 3600)
    assert [reply[:3] for reply in replies()] == ["250"] * 3
    has_ended(store, FAIR)
    assert replies() == [
        f"553 5.7.1 <{FAIR}>: Sender address rejected: {EXPIRED}",
        f"550 5.7.1 <{FAIR}>: Sender address rejected: {EXPIRED}",
        f"553 5.7.1 <toggled+x@brand-a.test>: Sender address rejected: {EXPIRED}",
    ]
    ends_in(store, FAIR, None)
    assert [reply[:3] for reply in replies()] == ["250"] * 3


def test_an_end_in_the_middle_of_a_message(site: PrivateSite, store: Database) -> None:
    """As with an alias that is disabled then: 451, and the next attempt is refused for good."""
    with Dialogue(site.postfix.inbound_port) as smtp, logged_in(site, JOHN) as client:
        ends_in(store, FAIR, 1)
        smtp.say("MAIL FROM:<ann@outside.example>")
        assert smtp.say(f"RCPT TO:<{FAIR}>").startswith("250")
        assert smtp.say("DATA").startswith("354")
        assert client.docmd(f"MAIL FROM:<{FAIR}>")[0] == 250
        assert client.docmd("RCPT TO:<friend@outside.example>")[0] == 250
        assert client.docmd("DATA")[0] == 354
        smtp.send(MESSAGE)
        client.send(OWN + b"\r\n\r\n")
        time.sleep(2.2)  # past the end, and decisions are older than a second
        assert smtp.say(".") == "451 4.3.0 Recipients changed while the message was received, please try again"
        assert smtp.mail([f"<{FAIR}>"])[1] == f"550 5.1.1 <{FAIR}>: user unknown"
        client.send(b"body\r\n.\r\n")
        assert client.getreply()[0] == 451
        assert submit(client, f"<{FAIR}>", OWN).startswith("553")
    assert site.mailboxes.deliveries == []
