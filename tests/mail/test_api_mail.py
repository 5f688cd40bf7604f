"""Changes over HTTP as the mail servers act by them: API, Redis, relay, milters and Postfix, all as processes."""

import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import Dialogue, logged_in
from tests.mail.headers import delivered_to
from tests.mail.world import JOHN, MARY, fill

_numbers = count(1)
TAKEN, REFUSED = "250 2.1.5", "550 5.1.1"
HANDOVERS = 12


class Admin:
    """The account of the mailboxes, over the API."""

    def __init__(self, site: PrivateSite) -> None:
        self.site = site
        made = site.run("token", "create", "--account", "brands")
        headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
        self.client = httpx.Client(base_url=site.api_url, headers=headers, timeout=30, verify=False)
        self.john, self.mary = (self._id("mailboxes", address) for address in (JOHN, MARY))
        self.whole, self.caught = (self._id("domains", name) for name in ("brand-a.test", "brand-b.test"))

    def ask(self, method: str, path: str, body: object = None, *, live: bool = True) -> Any:
        """Make a change, see that it is in force, and return what is answered."""
        answer = self.client.request(method, path, json=body)
        assert answer.is_success, answer.text
        assert not live or answer.headers["Byname-Propagation"] == "live"
        return answer.json()["data"] if answer.content else None

    def add(self, domain: int, **more: object) -> tuple[str, str]:
        """Make an alias of john; return its address and its path."""
        body = {"local_part": f"fresh-{next(_numbers)}", "domain_id": domain, **more}
        made = self.ask("POST", f"/mailboxes/{self.john}/aliases", body)
        return made["address"], f"/mailboxes/{self.john}/aliases/{made['id']}"

    def _id(self, noun: str, search: str) -> int:
        found = self.client.get(f"/{noun}", params={"search": search}).json()["data"]
        return int(found[0]["id"])


@pytest.fixture(scope="module")
def site(needs_root: None) -> Iterator[PrivateSite]:
    """A site with the API, Redis and the relay."""
    with PrivateSite(fill, into_sink=True, api=True, cache=True) as started:
        yield started


@pytest.fixture(scope="module")
def admin(site: PrivateSite) -> Iterator[Admin]:
    made = Admin(site)
    yield made
    made.client.close()


def rcpt(smtp: Dialogue, address: str) -> str:
    """Return the beginning of the reply to an address, in a transaction of its own."""
    smtp.say("MAIL FROM:<ann@outside.example>")
    reply = smtp.say(f"RCPT TO:<{address}>")
    smtp.say("RSET")
    return reply[:9]


def test_the_next_rcpt_sees_a_change(site: PrivateSite, admin: Admin) -> None:
    """On one open connection: made, disabled, enabled, without receiving, deleted."""
    with Dialogue(site.postfix.inbound_port) as smtp:
        address, path = admin.add(admin.whole)
        assert rcpt(smtp, address) == TAKEN
        for change, expected in (
            ({"is_active": False}, REFUSED),
            ({"is_active": True}, TAKEN),
            ({"can_receive": False}, REFUSED),
            ({"can_receive": True}, TAKEN),
        ):
            admin.ask("PATCH", path, change)
            assert rcpt(smtp, address) == expected
        admin.ask("DELETE", path)
        assert rcpt(smtp, address) == REFUSED


def test_mail_for_a_new_alias_arrives(site: PrivateSite, admin: Admin) -> None:
    with Dialogue(site.postfix.inbound_port) as smtp:
        assert rcpt(smtp, "before-it-is@brand-a.test") == REFUSED
        admin.ask("POST", f"/mailboxes/{admin.john}/aliases", {"local_part": "before-it-is", "domain_id": admin.whole})
        assert smtp.mail(["<before-it-is@brand-a.test>"])[-1].startswith("250 2.0.0")
    (delivery,) = site.mailboxes.wait_for(1)
    assert delivery.recipients == (JOHN,)
    assert delivered_to(delivery.content) == ["before-it-is@brand-a.test"]


def test_under_a_catch_all(site: PrivateSite, admin: Admin) -> None:
    """Disabled, an alias is refused in spite of it; deleted, its name is anybody's, and the catch-all takes it."""
    admin.ask("PATCH", f"/domains/{admin.caught}/catch-all", {"enabled": True, "destination": MARY})
    with Dialogue(site.postfix.inbound_port) as smtp:
        address, path = admin.add(admin.caught)
        admin.ask("PATCH", path, {"is_active": False})
        assert rcpt(smtp, address) == REFUSED
        admin.ask("DELETE", path)
        assert smtp.mail([f"<{address}>"])[-1].startswith("250 2.0.0")
    (delivery,) = site.mailboxes.wait_for(1)
    assert delivery.recipients == (MARY,)


def test_sending_on_an_open_submission_connection(site: PrivateSite, admin: Admin) -> None:
    address, path = admin.add(admin.whole)
    client = logged_in(site, JOHN)
    for can_send in (False, True, False):
        admin.ask("PATCH", path, {"can_send": can_send})
        code, text = client.docmd(f"MAIL FROM:<{address}>")
        assert (code, b"sending is off for this alias" in text) == ((250, False) if can_send else (553, True))
        client.rset()
    admin.ask("PATCH", path, {"can_send": True, "is_active": False})
    assert b"is disabled" in client.docmd(f"MAIL FROM:<{address}>")[1]
    client.close()


def test_a_bulk_call_hands_a_name_over_while_mail_flows(site: PrivateSite, admin: Admin) -> None:
    """Never neither: every mail is taken. Never both: each arrives once, with who owned the name while it was sent."""
    address, _ = admin.add(admin.whole)
    owners, ended = [{JOHN}], threading.Event()
    sent: list[set[str]] = []  # who may have it, by mail
    replies: list[list[str]] = []

    def send() -> None:
        with Dialogue(site.postfix.inbound_port) as smtp:
            while not ended.is_set():
                first = len(owners) - 1
                message = f"From: ann@outside.example\r\nSubject: {len(sent)}\r\n\r\nbye\r\n".encode()
                replies.append(smtp.mail([f"<{address}>"], message))
                sent.append(set().union(*owners[first:]))

    flow = threading.Thread(target=send)
    flow.start()
    for number in range(HANDOVERS):
        time.sleep(0.1)
        owners.append({JOHN, MARY})
        hand_over(admin, address, *((admin.john, admin.mary) if number % 2 == 0 else (admin.mary, admin.john)))
        owners.append({MARY if number % 2 == 0 else JOHN})
    ended.set()
    flow.join(30)
    assert {(one[1][:9], one[-1][:9]) for one in replies} == {(TAKEN, "250 2.0.0")}
    arrived = sorted((subject_of(one.content), one.recipients) for one in site.mailboxes.wait_for(len(sent)))
    assert [number for number, _ in arrived] == list(range(len(sent)))
    assert [found for found in arrived if not set(found[1]) <= sent[found[0]]] == []
    assert {place for _, place in arrived} == {(JOHN,), (MARY,)}


def hand_over(admin: Admin, address: str, giver: int, heir: int) -> None:
    """Take the name from one mailbox and give it to another in one call."""
    found = admin.client.get(f"/mailboxes/{giver}/aliases").json()["data"]
    alias = next(one["id"] for one in found if one["address"] == address)
    local_part = address.partition("@")[0]
    items = [
        {"op": "delete", "mailbox_id": giver, "alias_id": alias},
        {"op": "create", "mailbox_id": heir, "domain_id": admin.whole, "local_part": local_part},
    ]
    done = admin.ask("POST", "/aliases:bulk", {"items": items})
    assert [one["status"] for one in done["results"]] == ["deleted", "created"]


def subject_of(content: bytes) -> int:
    """Return the number that a message has for a subject."""
    return int(content.split(b"Subject: ")[1].split()[0])
