"""What ``POST /messages/send`` takes and refuses, before any mail server is asked (tests/mail/test_messages.py)."""

import socket
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from admin_api.http.turns import Turns
from store.sql.database import Database
from store.sql.tables import MessageRow
from store.unit_of_work.concurrency_limit import LARGE_MESSAGES
from tests.api.running_api import SENDING, RunningApi, code_of, site_over
from tests.api.tenants import Tenant, secret_of, tenant

_keys = count(1)
HELLO: dict[str, Any] = {"to": ["ann@outside.example"], "subject": "Hello", "body": {"text": "bye\n"}}


@pytest.fixture
def program(acme: Tenant) -> Iterator[httpx.Client]:
    """A program with the token of acme's mailbox."""
    with acme.api.client(secret_of(acme.api.database, mailbox=acme.mailbox_id)) as client:
        yield client


def send(client: httpx.Client, key: str | None = None, **more: Any) -> httpx.Response:
    given = {name: value for name, value in {**HELLO, **more}.items() if value is not None}
    return client.post("/messages/send", json=given, headers={"Idempotency-Key": key or f"key-{next(_keys)}"})


def test_it_is_kept(acme: Tenant, program: httpx.Client) -> None:
    answer = send(program)
    made = answer.json()["data"]
    assert answer.status_code == 202
    assert (made["status"], made["sender"], made["recipients"]) == ("accepted", acme.mailbox, HELLO["to"])
    assert made["message_id"].endswith(f"@{acme.domain}>")
    assert made["sent_copy"] == {"status": "none", "reason": None}
    assert program.get(f"/messages/{made['id']}").json() == answer.json()


def test_each_mail_stands_in_the_audit_log(acme: Tenant, program: httpx.Client) -> None:
    """Who, which mailbox, which mail, to how many; nothing of what it says. A repeat and a refusal are no mail."""
    made = send(program, "noted", bcc=["carl@outside.example"], subject="secret").json()["data"]
    send(program, "noted", bcc=["carl@outside.example"], subject="secret")
    assert send(program, **{"from": "ceo@bank.example"}).status_code == 403
    (entry,) = (one for one in acme.client.get("/audit-log").json()["data"] if one["action"] == "message.send")
    assert entry["actor"].startswith("message token ") or entry["token_id"]
    assert (entry["object_id"], entry["name"]) == (made["id"], acme.mailbox)
    told = {"sender": acme.mailbox, "message_id": made["message_id"], "recipients": 2, "size": made["size"]}
    assert (entry["before"], entry["after"]) == (None, told)


def test_a_copy_is_wanted_where_copies_are_kept(sqlite_api: Database) -> None:
    running = RunningApi(site_over(sqlite_api, sending=replace(SENDING, sent_copies=True)))
    owner = tenant(running)
    with running.client(secret_of(sqlite_api, mailbox=owner.mailbox_id)) as client:
        made = send(client, bcc=["Carl <carl@outside.example>"]).json()["data"]
        assert made["sent_copy"] == {"status": "pending", "reason": None}
    with sqlite_api.read() as tx:
        row = tx.get_one(MessageRow, made["id"])
        assert row.copy_head == b"Bcc: Carl <carl@outside.example>\r\n"
        assert b"carl" not in (row.content or b"")
    running.close()


def test_on_sqlite_they_wait_for_their_turn_and_not_for_ever(sqlite_api: Database, sqlite_api_file: Path) -> None:
    """While somebody else writes, one of them waits for the store, and those behind it for a while. None is lost."""
    running = RunningApi(replace(site_over(sqlite_api), turns=Turns(1, patience=0.5)))
    owner = tenant(running)
    secret = secret_of(sqlite_api, mailbox=owner.mailbox_id)
    with (
        closing(sqlite3.connect(sqlite_api_file, isolation_level=None)) as writer,
        running.client(secret) as program,
        ThreadPoolExecutor(3) as pool,
    ):
        writer.execute("BEGIN IMMEDIATE")
        asked = [pool.submit(send, program) for _ in range(3)]
        told = [one.result() for one in islice(as_completed(asked), 2)]
        writer.execute("ROLLBACK")
        last = next(one.result() for one in asked if one.result() not in told)
        assert [code_of(one) for one in told] == [(503, "unavailable")] * 2
        assert {one.headers["Retry-After"] for one in told} == {"5"}
        assert (last.status_code, send(program).status_code) == (202, 202)
    running.close()


def test_a_key_is_needed(program: httpx.Client) -> None:
    answer = program.post("/messages/send", json=HELLO)
    assert code_of(answer) == (422, "invalid-request")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/header/Idempotency-Key"]


def test_a_repeat_gets_the_first_answer_whatever_has_changed(acme: Tenant, program: httpx.Client) -> None:
    alias = acme.added("sales", can_send=True)
    sender = {"from": f"sales@{acme.other}"}
    first = send(program, "same", **sender)
    acme.client.patch(f"/mailboxes/{acme.mailbox_id}/aliases/{alias}", json={"can_send": False})
    again = send(program, "same", **sender)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert code_of(send(program, **sender)) == (403, "cannot-send-as")


def test_a_refused_request_leaves_its_key_free(acme: Tenant, program: httpx.Client) -> None:
    alias = acme.added("sales")
    sender = {"from": f"sales@{acme.other}"}
    assert code_of(send(program, "free", **sender)) == (403, "cannot-send-as")
    acme.client.patch(f"/mailboxes/{acme.mailbox_id}/aliases/{alias}", json={"can_send": True})
    assert send(program, "free", **sender).status_code == 202


PNG = {"filename": "a.png", "content_type": "image/png", "content_base64": b64encode(b"x").decode()}


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"to": []}, "/to"),
        ({"to": None}, "/to"),
        ({"to": ["ann@outside.example"] * 101}, "/to"),
        ({"to": ["ann@outside.example", "ann"]}, "/to/1"),
        ({"cc": ["a\r\nb@outside.example"]}, "/cc/0"),
        ({"bcc": ["<>"]}, "/bcc/0"),
        ({"cc": [f"a{number}@outside.example" for number in range(100)]}, "/to"),
        ({"from": "john"}, "/from"),
        ({"subject": "a\nBcc: b@x.test"}, "/subject"),
        ({"subject": "x" * 2001}, "/subject"),
        ({"subject": "\0"}, "/subject"),
        ({"body": {}}, "/body"),
        ({"body": {"text": "a\0"}}, "/body/text"),
        ({"body": {"html": "a\0"}}, "/body/html"),
        ({"body": {"text": None}}, "/body"),
        ({"reply_to": "x"}, "/reply_to"),
        ({"reply_to_message_id": "<a\r\nb@c>"}, "/reply_to_message_id"),
        ({"headers": {"Sender": "x"}}, "/headers/Sender"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, "/headers/X-A"),
        ({"attachments": [{**PNG, "content_base64": "!"}]}, "/attachments/0/content_base64"),
        ({"attachments": [PNG, {**PNG, "filename": "a\r\nb"}]}, "/attachments/1/filename"),
        ({"attachments": [{**PNG, "content_type": "message/rfc822"}]}, "/attachments/0/content_type"),
        ({"attachments": [{**PNG, "content_id": "<x>"}]}, "/attachments/0/content_id"),
        ({"unknown": 1}, "/unknown"),
    ],
)
def test_what_cannot_be_sent(program: httpx.Client, more: dict[str, Any], pointer: str) -> None:
    answer = send(program, **more)
    assert code_of(answer) == (422, "invalid-request")
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_the_sender_is_asked_about_first(program: httpx.Client) -> None:
    answer = send(program, **{"from": "ceo@bank.example"}, subject="\0")
    assert code_of(answer) == (403, "sender-not-owned")
    assert answer.json()["hint"] == "GET /messages/identities lists what this mailbox may send as"


def test_a_paused_mailbox(acme: Tenant, program: httpx.Client) -> None:
    acme.client.post(f"/mailboxes/{acme.mailbox_id}:pause")
    assert code_of(send(program)) == (403, "sender-disabled")


def test_a_suspended_account(acme: Tenant, program: httpx.Client, operator: httpx.Client) -> None:
    operator.patch(f"/accounts/{acme.id}", json={"is_active": False})
    assert code_of(send(program)) == (403, "account-suspended")


def test_a_large_body_is_refused_before_it_is_read(acme: Tenant, program: httpx.Client) -> None:
    """Only the header is sent, and the answer is there."""
    place = urlsplit(acme.api.url)
    head = [
        "POST /api/v1/messages/send HTTP/1.1",
        f"Host: {place.netloc}",
        f"Authorization: {program.headers['Authorization']}",
        "Content-Type: application/json",
        "Idempotency-Key: large",
        "Content-Length: 2000001",
    ]
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_so_many_large_ones_at_once(acme: Tenant, program: httpx.Client) -> None:
    """Of one account: the fifth is turned away while four still send their bodies; small ones are not counted."""
    place = urlsplit(acme.api.url)
    head = [
        "POST /api/v1/messages/send HTTP/1.1",
        f"Host: {place.netloc}",
        f"Authorization: {program.headers['Authorization']}",
        "Content-Type: application/json",
        "Idempotency-Key: many",
        "Content-Length: 1500000",
        "Expect: 100-continue",
    ]
    with ExitStack() as stack:
        for _ in range(LARGE_MESSAGES):
            slow = stack.enter_context(socket.create_connection((place.hostname, place.port), timeout=10))
            slow.sendall("\r\n".join([*head, "", ""]).encode())
            assert slow.recv(100).startswith(b"HTTP/1.1 100 ")  # its body is being read
        assert code_of(send(program, body={"text": "x" * 1_500_000})) == (429, "rate-limited")
        assert send(program).status_code == 202


def test_a_larger_body_than_other_routes_take(program: httpx.Client) -> None:
    assert code_of(send(program, body={"text": "x" * 2_000_000})) == (413, "payload-too-large")
    assert send(program, body={"text": "x" * 1_500_000}).status_code == 202


def test_so_many_a_day(sqlite_api: Database) -> None:
    running = RunningApi(site_over(sqlite_api, sending=replace(SENDING, per_day=2)))
    owner = tenant(running)
    with running.client(secret_of(sqlite_api, mailbox=owner.mailbox_id)) as client:
        assert [send(client, str(number)).status_code for number in range(3)] == [202, 202, 429]
        refused = send(client, "2")
        assert code_of(refused) == (429, "rate-limited")
        assert (refused.json()["used"], refused.json()["limit"]) == (2, 2)
        assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
        assert send(client, "1").status_code == 202  # a repeat is no further message
    running.close()


def test_where_nothing_can_be_sent(sqlite_api: Database) -> None:
    running = RunningApi(site_over(sqlite_api, sending=None))
    owner = tenant(running)
    with running.client(secret_of(sqlite_api, mailbox=owner.mailbox_id)) as client:
        assert code_of(send(client)) == (503, "unavailable")
    running.close()


def test_the_messages_of_a_mailbox_go_with_it(acme: Tenant, program: httpx.Client) -> None:
    message = send(program).json()["data"]["id"]
    intent = acme.client.post(f"/mailboxes/{acme.mailbox_id}:delete-intent").json()["data"]["id"]
    gone = acme.client.post(f"/delete-intents/{intent}:confirm", headers={"X-Confirm-Delete": "true"})
    assert gone.is_success, gone.text
    with acme.api.database.read() as tx:
        assert tx.get(MessageRow, message) is None
