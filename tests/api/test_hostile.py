"""Clients that mean harm, or do it: floods of flaws, bodies that never end, headers that say two things."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from admin_api.app import rules
from byname.sandbox.waiting import wait_until
from store.sql.tables import AliasRow, IdempotencyKeyRow
from store.unit_of_work.concurrency_limit import BULK_CALLS
from tests.api.running_api import RunningApi, code_of
from tests.api.tenants import Tenant, secret_of

CSV = "text/csv"
NO_TOKENS = ("domains:write", "mailboxes:write", "aliases:write", "messages:send")


@contextmanager
def unfinished(owner: Tenant, path: str, media_type: str) -> Iterator[None]:
    """Send the first half of a request for the length of a block, then hang up."""
    url = httpx.URL(owner.api.url)
    lines = [f"POST /api/v1{path} HTTP/1.1", "Host: x", f"Authorization: {owner.client.headers['Authorization']}"]
    lines += [f"Content-Type: {media_type}", "Content-Length: 500", "", "address,mail"]
    with socket.create_connection((url.host, url.port or 0)) as connection:
        connection.sendall("\r\n".join(lines).encode())
        yield


@pytest.mark.parametrize(
    ("name", "first", "second", "code"),
    [
        ("Authorization", "{token}", "{token}", (401, "unauthenticated")),
        ("Content-Type", "application/json", "text/csv", (422, "invalid-request")),
        ("Idempotency-Key", "one", "two", (422, "invalid-request")),
        ("X-Byname-Account", "{id}", "{id}", (422, "invalid-request")),
        ("X-Confirm-Delete", "true", "false", (422, "invalid-request")),
    ],
)
def test_headers_that_stand_twice(acme: Tenant, name: str, first: str, second: str, code: tuple[int, str]) -> None:
    meant = {"token": acme.client.headers["Authorization"], "id": acme.id}
    headers = [("Authorization", str(meant["token"])), ("Content-Type", "application/json")]
    headers = [pair for pair in headers if pair[0] != name] + [
        (name, value.format_map(meant)) for value in (first, second)
    ]
    url = f"{acme.api.url}/api/v1/mailboxes/{acme.mailbox_id}/aliases"
    content = f'{{"local_part": "twice", "domain_id": {acme.other_id}}}'
    assert code_of(httpx.post(url, content=content, headers=headers, verify=False)) == code
    assert acme.client.get(f"/mailboxes/{acme.mailbox_id}/aliases").json()["data"] == []


def test_a_flood_of_flaws_is_told_in_part(acme: Tenant) -> None:
    answer = acme.client.post(f"/mailboxes/{acme.mailbox_id}/aliases", json={f"k{n}": n for n in range(60_000)})
    assert code_of(answer) == (422, "invalid-request")
    assert len(answer.json()["errors"]) == 100
    assert len(answer.content) < 20_000


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        ({"op": "create", "domain_id": "x", "local_part": "a"}, "/items/0/domain_id"),
        ({"op": "create", "domain_id": 1}, "/items/0/local_part"),
        ({"op": "update", "alias_id": 1, "a/b~": 1}, "/items/0/a~1b~0"),
        ({"op": "rename"}, "/items/0"),
    ],
)
def test_pointers_point_into_the_body(acme: Tenant, item: dict[str, object], pointer: str) -> None:
    answer = acme.client.post("/aliases:bulk", json={"items": [{"mailbox_id": acme.mailbox_id, **item}]})
    assert code_of(answer) == (422, "invalid-request")
    assert [flaw["pointer"] for flaw in answer.json()["errors"]] == [pointer]


def test_a_client_that_hangs_up_is_no_bug(acme: Tenant) -> None:
    with capture_logs() as told:
        with unfinished(acme, f"/mailboxes/{acme.mailbox_id}/aliases", "application/json"):
            pass
        wait_until(lambda: any(one.get("status") == 499 for one in told), 5, "the log line")
    assert {one["event"] for one in told} == {"request"}


def test_imports_of_one_account_leave_room_for_others(acme: Tenant, rival: Tenant) -> None:
    with ExitStack() as held:
        refused = bring_in_nothing(acme, 429, lambda: held.enter_context(unfinished(acme, "/aliases:import", CSV)))
        assert code_of(refused) == (429, "rate-limited")
        assert int(refused.headers["Retry-After"]) >= 1
        assert bring_in_nothing(rival, 200).json()["data"]["finished"]
    assert bring_in_nothing(acme, 200).json()["data"]["finished"]


def bring_in_nothing(owner: Tenant, status: int, between: Callable[[], object] = lambda: None) -> httpx.Response:
    """Import again and again until that is answered with ``status``: the server takes a moment to see who goes."""
    for _ in range(100):
        between()
        answer = owner.client.post("/aliases:import", content="address,mailbox\n", headers={"Content-Type": CSV})
        if answer.status_code == status:
            break
        time.sleep(0.02)
    return answer


def test_bulk_calls_of_one_account_leave_room_for_others(api: RunningApi, acme: Tenant, rival: Tenant) -> None:
    alias = acme.added("sales")
    body = {"items": [{"op": "update", "mailbox_id": acme.mailbox_id, "alias_id": alias, "note": "x"}]}
    with ThreadPoolExecutor(BULK_CALLS + 1) as pool:
        with api.database.write() as tx:
            tx.scalars(select(AliasRow).where(AliasRow.id == alias).with_for_update()).one()  # they all wait for it
            calls = [pool.submit(acme.client.post, "/aliases:bulk", json=body) for _ in range(BULK_CALLS + 1)]
            refused = next(as_completed(calls)).result()
            assert rival.client.get("/mailboxes").status_code == 200
        assert code_of(refused) == (429, "rate-limited")
        assert int(refused.headers["Retry-After"]) >= 1
        assert sorted(call.result().status_code for call in calls) == [200] * BULK_CALLS + [429]
    for owner, items in ((acme, body), (rival, {"items": []})):
        assert owner.client.post("/aliases:bulk", json=items).status_code == 200


def test_a_suspended_account_reads_and_changes_nothing(acme: Tenant, operator: httpx.Client) -> None:
    alias = acme.added("sales")
    assert operator.patch(f"/accounts/{acme.id}", json={"is_active": False}).status_code == 200
    path = f"/mailboxes/{acme.mailbox_id}/aliases/{alias}"
    assert acme.client.get(path).status_code == 200
    assert acme.client.get("/account").json()["data"]["is_active"] is False
    for refused in (
        acme.client.patch(path, json={"can_send": True}),
        acme.client.delete(path),
        acme.client.post("/tokens", json={"name": "more"}),
        acme.client.post("/aliases:import", content="address,mailbox\n", headers={"Content-Type": CSV}),
        acme.client.post("/aliases:bulk", json={"items": []}),
    ):
        assert code_of(refused) == (403, "account-suspended")
        assert "suspended" in refused.json()["detail"]
    assert operator.patch(path, json={"can_send": True}).status_code == 200
    assert operator.patch(f"/accounts/{acme.id}", json={"is_active": True}).status_code == 200
    assert acme.client.delete(path).status_code == 204


def test_every_route_that_changes_something_knows_that_it_does() -> None:
    """So that a suspended account is held off, bulk calls and imports among the rest."""
    asks = "/api/v1/mailboxes/{mailbox_id}/rules:test"  # with a message, which a URL cannot hold
    assert {path for (path, method), rule in rules().items() if rule.is_change != (method != "get")} == {asks}


def test_a_suspended_account_brings_nothing_in(acme: Tenant, operator: httpx.Client) -> None:
    alias = acme.added("sales")
    assert operator.patch(f"/accounts/{acme.id}", json={"is_active": False}).status_code == 200
    item = {"op": "delete", "mailbox_id": acme.mailbox_id, "alias_id": alias}
    line = f"address,mailbox\nnew@{acme.other},{acme.mailbox}\n"
    for refused in (
        acme.client.post("/aliases:bulk", json={"items": [item]}),
        acme.client.post("/aliases:import", content=line, headers={"Content-Type": CSV}),
        acme.client.post(f"/mailboxes/{acme.mailbox_id}:delete-intent"),
        acme.client.post(f"/domains/{acme.domain_id}/dns-recheck"),
    ):
        assert code_of(refused) == (403, "account-suspended")
    assert [one["id"] for one in acme.client.get(f"/mailboxes/{acme.mailbox_id}/aliases").json()["data"]] == [alias]


def test_an_operator_who_may_not_give_access_closes_no_account(api: RunningApi, acme: Tenant) -> None:
    limited = api.client(secret_of(api.database, scopes=NO_TOKENS))
    assert limited.get(f"/accounts/{acme.id}").status_code == 200
    for refused in (
        limited.patch(f"/accounts/{acme.id}", json={"is_active": False}),
        limited.delete(f"/accounts/{acme.id}"),
        limited.post("/accounts", json={"name": "new", "plan": "pro"}),
    ):
        assert code_of(refused) == (403, "insufficient-scope")


def test_what_is_kept_of_a_request_does_not_let_its_password_be_guessed(api: RunningApi, acme: Tenant) -> None:
    other = api.client(secret_of(api.database, account=acme.id))
    for client in (acme.client, other):
        body, key = {"password": "correct horse"}, {"Idempotency-Key": "same-everywhere"}
        path = f"/mailboxes/{acme.mailbox_id}/password"
        assert client.post(path, json=body, headers=key).status_code == 200
        assert client.post(path, json=body, headers=key).headers["Idempotency-Replayed"] == "true"
    with api.database.read() as tx:
        kept = list(tx.scalars(select(IdempotencyKeyRow.fingerprint).where(IdempotencyKeyRow.key == "same-everywhere")))
    assert len(kept) == len(set(kept)) == 2  # nothing in the database says what they were made of
