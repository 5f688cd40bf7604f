"""``/kept-names`` and what the account says of deleted names: fields, refusals, bounds, and no word to others."""

from datetime import datetime, timedelta

import pytest

from tests.api.running_api import RunningApi, code_of
from tests.api.tenants import Tenant, secret_of, tenant


@pytest.fixture
def owner(api: RunningApi) -> Tenant:
    """An account that keeps names for thirty days, and ``once`` deleted from john."""
    made = tenant(api)
    answer = made.client.patch("/account", json={"keep_deleted_days": 30})
    assert (answer.status_code, answer.json()["data"]["keep_deleted_days"]) == (200, 30)
    assert made.client.delete(f"/mailboxes/{made.mailbox_id}/aliases/{made.added('once')}").status_code == 204
    return made


@pytest.fixture
def second(owner: Tenant) -> int:
    """Another mailbox of the account."""
    body = {"domain_id": owner.domain_id, "local_part": "mary", "password": "correct horse"}
    return int(owner.client.post("/mailboxes", json=body).json()["data"]["id"])


def test_the_list_and_the_refusal_say_the_same(owner: Tenant, second: int) -> None:
    answer = owner.client.get("/kept-names").json()
    (kept,) = answer["data"]
    assert answer["meta"] == {"page": 1, "per_page": 25, "total": 1}
    deleted, until = (datetime.fromisoformat(kept.pop(name)) for name in ("deleted_at", "kept_until"))
    assert until - deleted == timedelta(days=30)
    kept_id = kept.pop("id")
    assert kept == {
        "address": f"once@{owner.other}", "local_part": "once", "domain_id": owner.other_id, "domain": owner.other,
        "mailbox_id": owner.mailbox_id, "mailbox": owner.mailbox,
    }  # fmt: skip
    refused = owner.client.post(
        f"/mailboxes/{second}/aliases", json={"local_part": "once", "domain_id": owner.other_id}
    )
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["retryable"]) == (409, "address-kept", False)
    assert problem["errors"][0]["pointer"] == "/local_part"
    assert f"until {until:%Y-%m-%d %H:%M} UTC" in problem["message"]
    assert f"DELETE /api/v1/kept-names/{kept_id}" in problem["hint"]
    assert (problem["kept_name_id"], datetime.fromisoformat(problem["kept_until"])) == (kept_id, until)
    assert owner.client.delete(problem["hint"].split("/api/v1")[1].split(",")[0]).status_code == 204
    again = owner.client.post(f"/mailboxes/{second}/aliases", json={"local_part": "once", "domain_id": owner.other_id})
    assert again.status_code == 201
    assert owner.client.get("/kept-names").json()["data"] == []


def test_a_new_mailbox_and_a_batch_are_refused_too(owner: Tenant, second: int) -> None:
    box = {"domain_id": owner.other_id, "local_part": "once", "password": "correct horse"}
    assert code_of(owner.client.post("/mailboxes", json=box)) == (409, "address-kept")
    item = {"op": "create", "mailbox_id": second, "domain_id": owner.other_id, "local_part": "once"}
    assert code_of(owner.client.post("/aliases:bulk", json={"items": [item]})) == (409, "address-kept")
    results = owner.client.post("/aliases:bulk", json={"items": [item], "atomic": False}).json()["data"]["results"]
    assert [(one["status"], one["code"]) for one in results] == [("failed", "address-kept")]
    head = "address,mailbox,can_receive,can_send,is_active,note\n"
    line = f"once@{owner.other},mary@{owner.domain},true,false,true,\n"
    typed = {"Content-Type": "text/csv"}
    assert "address-kept" in owner.client.post("/aliases:import", content=head + line, headers=typed).text
    own = head + f"once@{owner.other},{owner.mailbox},true,false,true,\n"
    assert '"created": 1' in owner.client.post("/aliases:import", content=own, headers=typed).text.replace(":1", ": 1")


def test_a_password_manager_is_told(owner: Tenant, second: int) -> None:
    token = secret_of(owner.api.database, mailbox=second, scopes=("aliases:write",))
    wanted = {"domain": owner.other, "format": "custom", "local_part": "once"}
    with owner.api.client(token) as program:
        refused = program.post("/aliases", json=wanted)
    assert (refused.status_code, refused.json()["code"]) == (409, "address-kept")
    assert "is kept from other mailboxes until" in refused.json()["message"]


@pytest.mark.parametrize("days", [-1, 3651, "30", 1.5, True, None])
def test_bounds(owner: Tenant, days: object) -> None:
    refused = owner.client.patch("/account", json={"keep_deleted_days": days})
    assert code_of(refused) == (422, "invalid-request")
    assert refused.json()["errors"][0]["pointer"] == "/keep_deleted_days"
    assert owner.client.get("/account").json()["data"]["keep_deleted_days"] == 30


def test_search_and_others(owner: Tenant, api: RunningApi) -> None:
    assert owner.client.get("/kept-names", params={"search": "nce@"}).json()["meta"]["total"] == 1
    assert owner.client.get("/kept-names", params={"search": "x"}).json()["meta"]["total"] == 0
    kept = owner.client.get("/kept-names").json()["data"][0]["id"]
    rival = tenant(api)
    theirs, nobodys = (rival.client.delete(f"/kept-names/{one}").json() for one in (kept, 999_999))
    assert (theirs["code"], theirs["message"].replace(str(kept), "N")) == (
        "not-found", nobodys["message"].replace("999999", "N"),
    )  # fmt: skip
    assert rival.client.get("/kept-names").json()["data"] == []


def test_to_nought_frees_all_at_once(owner: Tenant, second: int) -> None:
    owner.client.patch("/account", json={"keep_deleted_days": 0})
    assert owner.client.get("/kept-names").json()["data"] == []
    answer = owner.client.post(f"/mailboxes/{second}/aliases", json={"local_part": "once", "domain_id": owner.other_id})
    assert answer.status_code == 201
