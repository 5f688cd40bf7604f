"""The Message API beside a real Postfix: from the request to the delivered mail, and each way in which it may end."""

import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from itertools import count
from typing import Any

import httpx
import pytest

from byname.sandbox.site import PrivateSite
from tests.mail.world import JOHN, MARY, fill

_keys = count(1)


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
    with PrivateSite(fill, into_sink=True, api=True, sending=True) as started:
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
