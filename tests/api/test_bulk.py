"""``POST /aliases:bulk`` over HTTP."""

from collections import Counter
from typing import Any

import httpx
import pytest

from tests.api.running_api import code_of
from tests.api.tenants import Tenant

Item = dict[str, Any]


def create(owner: Tenant, local_part: str, **more: object) -> Item:
    return {
        "op": "create",
        "mailbox_id": owner.mailbox_id,
        "domain_id": owner.domain_id,
        "local_part": local_part,
    } | more


def update(owner: Tenant, alias_id: int, **more: object) -> Item:
    return {"op": "update", "mailbox_id": owner.mailbox_id, "alias_id": alias_id} | more


def delete(owner: Tenant, alias_id: int) -> Item:
    return {"op": "delete", "mailbox_id": owner.mailbox_id, "alias_id": alias_id}


def bulk(owner: Tenant, *items: Item, key: str | None = None, **more: object) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return owner.client.post("/aliases:bulk", json={"items": list(items), **more}, headers=headers)


def results(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["results"]
    assert [one["index"] for one in found] == list(range(len(found)))
    return found


def told(answer: httpx.Response) -> list[str]:
    return [one["code"] or one["status"] for one in results(answer)]


def names(owner: Tenant) -> list[str]:
    listed = owner.client.get(f"/mailboxes/{owner.mailbox_id}/aliases").json()
    return [alias["local_part"] for alias in listed["data"]]


def test_all_three(acme: Tenant) -> None:
    made = results(bulk(acme, create(acme, "one", is_active=False, note="n"), create(acme, "two")))
    first, second = (one["alias"] for one in made)
    path = f"/mailboxes/{acme.mailbox_id}/aliases/{first['id']}"
    assert acme.client.get(path).json()["data"] == first
    assert (first["is_active"], first["note"]) == (False, "n")
    answer = bulk(acme, update(acme, first["id"], can_send=True, note=None), delete(acme, second["id"]))
    assert answer.headers["Byname-Propagation"] == "live"
    changed, gone = results(answer)
    assert (changed["status"], gone["status"], gone["alias"]) == ("updated", "deleted", None)
    assert acme.client.get(path).json()["data"] == changed["alias"]
    assert (changed["alias"]["can_send"], changed["alias"]["note"], changed["alias"]["is_active"]) == (
        True,
        None,
        False,
    )


def test_a_name_goes_to_another_mailbox(acme: Tenant) -> None:
    body = {"domain_id": acme.domain_id, "local_part": "mary", "display_name": "", "password": "correct horse"}
    mary = acme.client.post("/mailboxes", json=body).json()["data"]["id"]
    (made,) = results(bulk(acme, create(acme, "info")))
    answer = bulk(acme, delete(acme, made["alias"]["id"]), create(acme, "info", mailbox_id=mary))
    assert told(answer) == ["deleted", "created"]
    assert results(answer)[1]["alias"]["mailbox_id"] == mary


def test_all_or_none(acme: Tenant) -> None:
    answer = bulk(acme, create(acme, "one"), create(acme, "john"), create(acme, "two"))
    assert code_of(answer) == (409, "address-taken")
    problem = answer.json()
    assert problem["index"] == 1
    assert [one["status"] for one in problem["results"]] == ["not-done", "failed", "not-done"]
    assert problem["results"][1]["code"] == "address-taken"
    assert problem["errors"][0]["pointer"] == "/items/1/local_part"
    assert names(acme) == []


def test_each_for_itself(acme: Tenant, rival: Tenant) -> None:
    items = [
        create(acme, "one"),
        create(acme, "One"),
        create(acme, "x", domain_id=rival.domain_id),
        create(acme, "x", mailbox_id=rival.mailbox_id),
        update(acme, 2**62),
        update(acme, 7, local_part="other"),
        create(acme, "two"),
    ]
    wanted = ["created", "invalid-local-part", "domain-not-yours", "not-found", "not-found", "not-found", "created"]
    assert told(bulk(acme, *items, atomic=False, dry_run=True)) == wanted
    assert names(acme) == []
    assert told(bulk(acme, *items, atomic=False)) == wanted
    assert names(acme) == ["one", "two"]


def test_an_alias_is_not_renamed(acme: Tenant) -> None:
    (made,) = results(bulk(acme, create(acme, "one")))
    for field in ({"local_part": "two"}, {"domain_id": acme.other_id}, {"local_part": None}):
        assert code_of(bulk(acme, update(acme, made["alias"]["id"], **field))) == (422, "alias-not-renamable")


def test_the_limit_of_the_plan(acme: Tenant) -> None:
    answer = bulk(acme, *(create(acme, f"n{number}") for number in range(31)))
    assert code_of(answer) == (422, "alias-limit-reached")
    assert (answer.json()["index"], answer.json()["used"], answer.json()["limit"]) == (30, 30, 30)
    assert names(acme) == []


def test_another_accounts_aliases_are_not_there(acme: Tenant, rival: Tenant) -> None:
    theirs = rival.added("theirs")
    for item in (update(acme, theirs, note="x"), delete(acme, theirs), delete(rival, theirs), update(rival, theirs)):
        answer = bulk(acme, item)
        assert code_of(answer) == (404, "not-found")
        assert "theirs" not in answer.text
    assert names(rival) == ["theirs"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/items"),
        ({"items": {}}, "/items"),
        ({"items": [{}]}, "/items/0"),
        ({"items": [{"op": "rename", "mailbox_id": 1}]}, "/items/0"),
        ({"items": [{"op": "delete", "mailbox_id": 1}]}, "/items/0/alias_id"),
        ({"items": [{"op": "delete", "mailbox_id": 1, "alias_id": "1"}]}, "/items/0/alias_id"),
        ({"items": [{"op": "delete", "mailbox_id": 0, "alias_id": 1}]}, "/items/0/mailbox_id"),
        ({"items": [{"op": "delete", "mailbox_id": 1, "alias_id": 1, "note": ""}]}, "/items/0/note"),
        ({"items": [], "atomic": "yes"}, "/atomic"),
        ({"items": [], "dry-run": True}, "/dry-run"),
        ({"items": [{"op": "delete", "mailbox_id": 1, "alias_id": 1}] * 1001}, "/items"),
    ],
)
def test_malformed_bodies(acme: Tenant, body: dict[str, Any], pointer: str) -> None:
    answer = acme.client.post("/aliases:bulk", json=body)
    assert code_of(answer) == (422, "invalid-request")
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_nothing_to_do(acme: Tenant) -> None:
    assert results(bulk(acme)) == []


def test_a_thousand_items(rival: Tenant) -> None:
    items = [create(rival, f"n{number}") for number in range(100)]
    items += [create(rival, f"n{number}") for number in range(900)]
    answer = bulk(rival, *items, atomic=False, key="thousand")
    assert Counter(told(answer)) == {"created": 100, "address-taken": 100, "alias-limit-reached": 800}
    again = bulk(rival, *items, atomic=False, key="thousand")
    assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", answer.json())
    assert code_of(bulk(rival, key="thousand")) == (422, "idempotency-key-reused")
