"""Requests that are repeated: once done, always the same answer, and no secret in it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, update

from store.clock import utc_now
from store.sql.tables import IdempotencyKeyRow
from tests.api.running_api import code_of
from tests.api.tenants import Tenant, secret_of

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


def path_of(owner: Tenant) -> str:
    return f"/mailboxes/{owner.mailbox_id}/aliases"


def repeated(owner: Tenant, method: str, path: str, **more: object) -> tuple[httpx.Response, httpx.Response]:
    first, second = (owner.client.request(method, path, headers=KEY, **more) for _ in range(2))  # type: ignore[arg-type]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.headers["Byname-Propagation"] == "live"
    assert "Byname-Propagation" not in second.headers
    assert first.status_code == second.status_code
    return first, second


def test_a_repeat_gets_the_first_answer(acme: Tenant) -> None:
    body = {"local_part": "sales", "domain_id": acme.other_id}
    first, second = repeated(acme, "POST", path_of(acme), json=body)
    assert first.status_code == 201
    assert first.content == second.content
    alias = f"{path_of(acme)}/{first.json()['data']['id']}"
    first, second = repeated_with("change", acme, "PATCH", alias, json={"can_send": True})
    assert first.content == second.content
    first, second = repeated_with("delete", acme, "DELETE", alias)
    assert (first.status_code, second.status_code, second.content) == (204, 204, b"")


def test_what_was_deleted_is_made_anew(acme: Tenant) -> None:
    """A client that derives the key from the request means it, once what it made is gone."""
    body = {"local_part": "sales", "domain_id": acme.other_id}
    first, retry = repeated(acme, "POST", path_of(acme), json=body)
    acme.client.patch(f"{path_of(acme)}/{first.json()['data']['id']}", json={"can_send": True})
    assert acme.client.post(path_of(acme), json=body, headers=KEY).content == retry.content  # it is still there
    acme.client.delete(f"{path_of(acme)}/{first.json()['data']['id']}")
    second, retry = repeated(acme, "POST", path_of(acme), json=body)
    assert second.json()["data"]["id"] != first.json()["data"]["id"]
    assert second.content == retry.content
    assert [one["id"] for one in acme.client.get(path_of(acme)).json()["data"]] == [second.json()["data"]["id"]]


def test_what_was_deleted_and_is_taken_by_another_request(acme: Tenant) -> None:
    body = {"local_part": "sales", "domain_id": acme.other_id}
    first = acme.client.post(path_of(acme), json=body, headers=KEY)
    acme.client.delete(f"{path_of(acme)}/{first.json()['data']['id']}")
    other = acme.added("sales")
    for _ in range(2):
        assert code_of(acme.client.post(path_of(acme), json=body, headers=KEY)) == (409, "address-taken")
    acme.client.delete(f"{path_of(acme)}/{other}")
    repeated(acme, "POST", path_of(acme), json=body)


def test_a_switch_that_was_turned_back_is_turned_again(acme: Tenant) -> None:
    path = f"/mailboxes/{acme.mailbox_id}"
    for _ in range(3):
        for action, is_active in (("pause", False), ("resume", True)):
            first, retry = repeated_with(action, acme, "POST", f"{path}:{action}")
            assert "Idempotency-Replayed" not in first.headers
            assert retry.headers["Idempotency-Replayed"] == "true"
            assert acme.client.get(path).json()["data"]["is_active"] is is_active


def test_other_objects_end_no_answer(acme: Tenant, rival: Tenant) -> None:
    body = {"local_part": "sales", "domain_id": acme.other_id}
    first, _ = repeated(acme, "POST", path_of(acme), json=body)
    acme.client.delete(f"{path_of(acme)}/{acme.added('support')}")
    rival.client.delete(f"{path_of(rival)}/{rival.added('sales')}")
    acme.client.post(f"/mailboxes/{acme.mailbox_id}:pause")
    assert acme.client.post(path_of(acme), json=body, headers=KEY).content == first.content


def test_a_bulk_call_is_done_anew_when_any_of_it_is_gone(acme: Tenant) -> None:
    items = [{"op": "create", "mailbox_id": acme.mailbox_id, "domain_id": acme.other_id, "local_part": f"x{n}"}
             for n in range(20)]  # fmt: skip
    first, retry = repeated(acme, "POST", "/aliases:bulk", json={"items": items})
    assert first.content == retry.content
    made = [one["alias"]["id"] for one in first.json()["data"]["results"]]
    away = [{"op": "delete", "mailbox_id": acme.mailbox_id, "alias_id": one} for one in made]
    repeated_with("away", acme, "POST", "/aliases:bulk", json={"items": away[:1]})
    assert code_of(acme.client.post("/aliases:bulk", json={"items": items}, headers=KEY)) == (409, "address-taken")
    repeated_with("the-others", acme, "POST", "/aliases:bulk", json={"items": away[1:]})
    repeated(acme, "POST", "/aliases:bulk", json={"items": items})


def test_other_things_that_were_made_and_are_gone(acme: Tenant) -> None:
    for path, body in (
        ("/tokens", {"name": "x"}), ("/domains", {"name": f"new-{acme.domain}"}),
        ("/mailboxes", {"domain_id": acme.domain_id, "local_part": "mary", "password": "x" * 8}),
    ):  # fmt: skip
        made = [repeated_with(path, acme, "POST", path, json=body)[0].json()["data"]["id"]]
        if path == "/mailboxes":
            intent = acme.client.post(f"{path}/{made[0]}:delete-intent").json()["data"]["id"]
            acme.client.post(f"/delete-intents/{intent}:confirm", headers={"X-Confirm-Delete": "true"})
        else:
            assert acme.client.delete(f"{path}/{made[0]}").status_code == 204
        again, retry = repeated_with(path, acme, "POST", path, json=body)
        assert again.json()["data"]["id"] != made[0]
        assert retry.headers["Idempotency-Replayed"] == "true"


def test_an_intent_to_delete_is_kept_until_it_expires(acme: Tenant) -> None:
    path = f"/mailboxes/{acme.mailbox_id}:delete-intent"
    first, retry = repeated(acme, "POST", path)
    assert retry.content == first.content
    with acme.api.database.write() as tx:
        mine = update(IdempotencyKeyRow).where(IdempotencyKeyRow.ends_at.is_not(None))
        tx.execute(mine.values(ends_at=utc_now()))
    second, _ = repeated(acme, "POST", path)
    assert second.json()["data"]["id"] != first.json()["data"]["id"]
    confirm = f"/delete-intents/{second.json()['data']['id']}:confirm"
    gone = [acme.client.post(confirm, headers={"X-Confirm-Delete": "true", "Idempotency-Key": "c"}) for _ in range(2)]
    assert [(one.status_code, "Idempotency-Replayed" in one.headers) for one in gone] == [(204, False), (204, True)]
    assert code_of(acme.client.post(path, headers=KEY)) == (404, "not-found")


def test_an_operator_with_no_account_named(operator: httpx.Client, acme: Tenant) -> None:
    path, key = f"/accounts/{acme.id}", {"Idempotency-Key": f"plan-of-{acme.name}"}
    for _ in range(2):
        first, retry = (operator.patch(path, json={"plan": "agency"}, headers=key) for _ in range(2))
        assert ["Idempotency-Replayed" in one.headers for one in (first, retry)] == [False, True]
        operator.patch(path, json={"plan": "pro"})


def repeated_with(key: str, owner: Tenant, method: str, path: str, **more: object) -> list[httpx.Response]:
    headers = {"Idempotency-Key": key}
    return [owner.client.request(method, path, headers=headers, **more) for _ in range(2)]  # type: ignore[arg-type]


@pytest.mark.parametrize("change", ["body", "path", "method", "query"])
def test_a_key_is_for_one_request(acme: Tenant, change: str) -> None:
    body = {"local_part": "sales", "domain_id": acme.other_id}
    made = acme.client.post(path_of(acme), json=body, headers=KEY)
    assert made.status_code == 201
    other = {
        "body": ("POST", path_of(acme), body | {"can_send": True}),
        "path": ("POST", f"/mailboxes/{acme.mailbox_id}:pause", None),
        "method": ("PATCH", f"{path_of(acme)}/{made.json()['data']['id']}", {}),
        "query": ("PATCH", f"/mailboxes/{acme.mailbox_id}", {"display_name": "x"}),
    }[change]
    answer = acme.client.request(other[0], other[1], json=other[2], headers=KEY)
    assert code_of(answer) == (422, "idempotency-key-reused")


def test_a_key_is_for_one_token(acme: Tenant) -> None:
    body = {"local_part": "sales", "domain_id": acme.other_id}
    assert acme.client.post(path_of(acme), json=body, headers=KEY).status_code == 201
    with acme.api.client(secret_of(acme.api.database, account=acme.id)) as other:
        assert code_of(other.post(path_of(acme), json=body, headers=KEY)) == (409, "address-taken")


def test_a_refusal_is_not_kept(acme: Tenant) -> None:
    first = acme.added("sales")
    body = {"local_part": "sales", "domain_id": acme.other_id}
    assert code_of(acme.client.post(path_of(acme), json=body, headers=KEY)) == (409, "address-taken")
    acme.client.delete(f"{path_of(acme)}/{first}")
    assert acme.client.post(path_of(acme), json=body, headers=KEY).status_code == 201


def test_a_key_is_kept_for_a_day(acme: Tenant) -> None:
    body = {"local_part": "sales", "domain_id": acme.other_id}
    key = {"Idempotency-Key": f"day-of-{acme.name}"}
    assert acme.client.post(path_of(acme), json=body, headers=key).status_code == 201
    with acme.api.database.write() as tx:
        old = update(IdempotencyKeyRow).where(IdempotencyKeyRow.key == key["Idempotency-Key"])
        tx.execute(old.values(created_at=utc_now() - timedelta(hours=25)))
    assert code_of(acme.client.post(path_of(acme), json=body, headers=key)) == (409, "address-taken")


def test_a_secret_is_not_kept(acme: Tenant) -> None:
    body = {"domain_id": acme.domain_id, "local_part": "mary", "password_mode": "generated_one_time"}
    first, second = repeated(acme, "POST", "/mailboxes", json=body)
    password = first.json()["data"]["password"]
    assert len(password) == 20
    assert second.json()["data"] == {**first.json()["data"], "password": None}
    made, again = repeated_with("token", acme, "POST", "/tokens", json={"name": "x"})
    secret = made.json()["data"]["secret"]
    assert again.json()["data"] == {**made.json()["data"], "secret": None}
    with acme.api.database.read() as tx:
        kept = "".join(body or "" for body in tx.scalars(select(IdempotencyKeyRow.body)))
    log = acme.client.get("/audit-log", params={"per_page": 100}).text
    for text in (kept, log):
        assert password not in text
        assert secret not in text


def test_twenty_at_once_with_one_key(acme: Tenant) -> None:
    body = {"local_part": "sales", "domain_id": acme.other_id}
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(acme.client.post, path_of(acme), json=body, headers=KEY) for _ in range(20)]
        answers = [one.result() for one in asked]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 19
    assert len(acme.client.get(path_of(acme)).json()["data"]) == 1


@pytest.mark.parametrize("api_url", ["postgresql"], indirect=True, scope="session")  # SQLite's writers wait for all
def test_a_repeat_while_the_first_runs_too_long(acme: Tenant) -> None:
    token = acme.client.get("/me").json()["data"]["id"]
    body = {"local_part": "sales", "domain_id": acme.other_id}
    with acme.api.database.write() as tx:
        tx.add(IdempotencyKeyRow(token_id=token, key=KEY["Idempotency-Key"], fingerprint="0" * 64))
        tx.flush()
        answer = acme.client.post(path_of(acme), json=body, headers=KEY)
    assert code_of(answer) == (409, "request-in-progress")
    assert (answer.headers["Retry-After"], answer.json()["retryable"]) == ("1", True)
