"""Each route's good path, on both databases: what goes in, what comes out."""

import re
from datetime import datetime

import httpx
import pytest

from tests.api.running_api import code_of
from tests.api.tenants import Tenant

ALIAS = {
    "id", "address", "local_part", "domain_id", "domain", "mailbox_id", "can_receive", "can_send", "is_active", "note",
    "created_at", "updated_at", "last_mail_at", "mails_30d", "refused_30d", "senders",
    "expires_at", "expires_after", "expires_when_idle", "expired",
}  # fmt: skip
MAILBOX = {"id", "address", "local_part", "domain_id", "display_name", "is_active", "alias_count", "created_at"}
DOMAIN = {
    "id", "name", "unicode_name", "status", "is_active", "verified_at", "proof_lapsed", "catch_all",
    "system_mailbox_id", "created_at",
}  # fmt: skip
ACCOUNT = {
    "id", "name", "plan", "is_trial", "is_active", "first_payment_at", "limits", "usage", "random_alias_domain_id",
    "remember_senders_days", "keep_deleted_days",
}  # fmt: skip


def data(answer: httpx.Response, status: int = 200) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    found: dict[str, object] = answer.json()["data"]
    return found


def test_me_and_account(acme: Tenant) -> None:
    answer = acme.client.get("/me")
    me = data(answer)
    assert (me["kind"], me["account_id"], me["mailbox_id"]) == ("account", acme.id, None)
    assert set(answer.json()["capabilities"]["effective_scopes"]) == set(me["scopes"])  # type: ignore[call-overload]
    account = data(acme.client.get("/account"))
    assert set(account) == ACCOUNT
    assert account["limits"] == {"aliases_per_mailbox": 30}
    assert account["usage"] == {"domains": 2, "mailboxes": 1, "aliases": 0}


def test_accounts_by_an_operator(operator: httpx.Client, acme: Tenant) -> None:
    name = f"{acme.name}-sister"
    made = data(operator.post("/accounts", json={"name": name, "plan": "nano", "is_trial": True}), 201)
    assert set(made) == ACCOUNT
    path = f"/accounts/{made['id']}"
    change = {"plan": "pro", "is_active": False, "first_payment_at": "2026-11-01T10:00:00+02:00"}
    changed = data(operator.patch(path, json=change))
    assert (changed["plan"], changed["is_active"]) == ("pro", False)
    assert changed["first_payment_at"] == "2026-11-01T08:00:00Z"
    assert changed["limits"] == {"aliases_per_mailbox": 50}
    assert data(operator.get(path)) == changed
    found = operator.get("/accounts", params={"search": name.upper()}).json()
    assert found == {"data": [changed], "meta": {"page": 1, "per_page": 25, "total": 1}}
    assert operator.delete(path).status_code == 204
    assert code_of(operator.get(path)) == (404, "not-found")


def test_an_operator_acts_in_an_account(operator: httpx.Client, acme: Tenant, rival: Tenant) -> None:
    within = {"X-Byname-Account": str(acme.id)}
    assert data(operator.get("/account", headers=within))["name"] == acme.name
    names = [one["name"] for one in operator.get("/domains", headers=within).json()["data"]]
    assert names == [acme.domain, acme.other]
    assert code_of(operator.get(f"/domains/{rival.domain_id}", headers=within)) == (404, "not-found")
    assert data(operator.get(f"/domains/{rival.domain_id}"))["name"] == rival.domain
    made = data(operator.post("/domains", json={"name": f"x-{acme.domain}"}, headers=within), 201)
    assert data(acme.client.get(f"/domains/{made['id']}")) == made


def test_domains(acme: Tenant) -> None:
    made = data(acme.client.post("/domains", json={"name": f"Bücher-{acme.domain}."}), 201)
    assert set(made) == DOMAIN
    assert made["name"] == f"xn--bcher-{acme.domain.removesuffix('.com')}-d3b.com" or str(made["name"]).startswith(
        "xn--"
    )
    assert made["unicode_name"] == f"bücher-{acme.domain}"
    assert (made["status"], made["verified_at"]) == ("pending_dns", None)
    assert made["catch_all"] == {"enabled": False, "destination": None}
    pending = acme.client.get("/domains", params={"status": "pending_dns"}).json()["data"]
    assert pending == [made]
    path = f"/domains/{acme.domain_id}"
    off = data(acme.client.patch(path, json={"is_active": False}))
    assert (off["status"], off["is_active"]) == ("suspended", False)
    chosen = data(acme.client.patch(path, json={"is_active": True, "system_mailbox_id": acme.mailbox_id}))
    assert (chosen["status"], chosen["system_mailbox_id"]) == ("active", acme.mailbox_id)
    assert data(acme.client.patch(path, json={"system_mailbox_id": None}))["system_mailbox_id"] is None
    assert data(acme.client.get(path))["name"] == acme.domain


def test_catch_all(acme: Tenant) -> None:
    path = f"/domains/{acme.other_id}/catch-all"
    for body, expected in (
        ({"destination": acme.mailbox}, {"enabled": False, "destination": acme.mailbox}),
        ({"enabled": True}, {"enabled": True, "destination": acme.mailbox}),
        ({"enabled": False}, {"enabled": False, "destination": acme.mailbox}),
        ({"enabled": True, "destination": acme.mailbox}, {"enabled": True, "destination": acme.mailbox}),
    ):
        assert data(acme.client.patch(path, json=body))["catch_all"] == expected


def test_deleting_a_domain(acme: Tenant) -> None:
    acme.added("sales")
    path = f"/domains/{acme.domain_id}"
    refused = acme.client.delete(path)
    assert code_of(refused) == (409, "domain-not-empty")
    assert {name: refused.json()[name] for name in ("mailboxes", "aliases", "aliases_elsewhere")} == {
        "mailboxes": 1, "aliases": 0, "aliases_elsewhere": 1,
    }  # fmt: skip
    gone = acme.client.delete(path, headers={"X-Confirm-Delete": "true"})
    assert (gone.status_code, gone.content) == (204, b"")
    assert code_of(acme.client.get(path)) == (404, "not-found")
    assert acme.client.get("/account").json()["data"]["usage"] == {"domains": 1, "mailboxes": 0, "aliases": 0}


def test_mailboxes(acme: Tenant) -> None:
    body = {
        "domain_id": acme.domain_id,
        "local_part": "mary",
        "display_name": "Mary Élan",
        "password": "battery staple",
    }
    made = data(acme.client.post("/mailboxes", json=body), 201)
    assert made.pop("password") is None
    assert set(made) == MAILBOX
    path = f"/mailboxes/{made['id']}"
    for nothing in ("", None):
        assert data(acme.client.patch(path, json={"display_name": nothing})) == {**made, "display_name": ""}
        assert data(acme.client.patch(path, json={"display_name": "Mary Élan"})) == made
    assert data(acme.client.post(f"{path}:pause"))["is_active"] is False
    assert data(acme.client.post(f"{path}:pause"))["is_active"] is False
    assert data(acme.client.post(f"{path}:resume"))["is_active"] is True
    assert data(acme.client.post(f"{path}/password", json={"password": "another one"}))["id"] == made["id"]
    found = acme.client.get("/mailboxes", params={"search": "MARY", "domain_id": acme.domain_id}).json()
    assert [one["address"] for one in found["data"]] == [f"mary@{acme.domain}"]
    assert acme.client.get("/mailboxes", params={"domain_id": acme.other_id}).json()["meta"]["total"] == 0


def test_moments_end_in_z(acme: Tenant) -> None:
    """In answers, and in what the audit log kept of them."""
    acme.added("sales")
    acme.client.post("/tokens", json={"name": "x", "expires_at": "2099-01-01T01:00:00+01:00"})
    acme.client.post(f"/mailboxes/{acme.mailbox_id}:delete-intent")
    check = acme.client.post(f"/domains/{acme.domain_id}/dns-recheck").json()["data"]["id"]
    paths = (
        "/me", "/account", "/domains", "/mailboxes", f"/mailboxes/{acme.mailbox_id}/aliases", "/tokens", "/audit-log",
        f"/dns-checks/{check}", f"/domains/{acme.domain_id}/dns-requirements",
    )  # fmt: skip
    told = "".join(acme.client.get(path).text for path in paths)
    found = re.findall(r"\d{4}-\d\d-\d\d[T ][^\"]*", told)
    assert len(found) > 20
    assert [one for one in found if not re.fullmatch(r"[-\d]{10}T[\d:]{8}(\.\d+)?Z", one)] == []


def test_deleting_a_mailbox(acme: Tenant) -> None:
    alias = acme.added("sales")
    intent = data(acme.client.post(f"/mailboxes/{acme.mailbox_id}:delete-intent"), 201)
    assert intent["aliases"] == [f"sales@{acme.other}"]
    lasts = datetime.fromisoformat(str(intent["expires_at"])) - datetime.fromisoformat(str(intent["created_at"]))
    assert lasts.total_seconds() == 900
    path = f"/delete-intents/{intent['id']}:confirm"
    assert code_of(acme.client.post(path)) == (409, "confirmation-required")
    assert data(acme.client.get(f"/mailboxes/{acme.mailbox_id}"))["alias_count"] == 1
    assert acme.client.post(path, headers={"X-Confirm-Delete": "true"}).status_code == 204
    assert code_of(acme.client.get(f"/mailboxes/{acme.mailbox_id}")) == (404, "not-found")
    assert code_of(acme.client.get(f"/mailboxes/{acme.mailbox_id}/aliases/{alias}")) == (404, "not-found")


def test_aliases(acme: Tenant) -> None:
    made = data(acme.add("sales", can_send=True, note="for the shop"), 201)
    assert set(made) == ALIAS
    assert (made["address"], made["domain"]) == (f"sales@{acme.other}", acme.other)
    assert (made["can_receive"], made["can_send"], made["is_active"], made["note"]) == (
        True,
        True,
        True,
        "for the shop",
    )
    everything = f"/mailboxes/{acme.mailbox_id}/aliases"
    path = f"{everything}/{made['id']}"
    assert data(acme.client.get(path)) == made
    changed = data(acme.client.patch(path, json={"can_send": False, "is_active": False, "note": None}))
    assert (changed["can_send"], changed["is_active"], changed["note"]) == (False, False, None)
    assert acme.client.get(everything).json() == {
        "data": [changed], "primary_address": acme.mailbox, "usage": {"used": 1, "limit": 30},
    }  # fmt: skip
    assert code_of(acme.add("sales")) == (409, "address-taken")  # disabled: it stays reserved
    gone = acme.client.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert acme.add("sales").status_code == 201  # deleted: it is free at once


def test_until_when_an_alias_lives(acme: Tenant) -> None:
    ends = {"expires_at": "2099-01-01T00:00:00Z", "expires_after": 100, "expires_when_idle": 90}
    made = data(acme.add("fair", **ends), 201)
    assert {name: made[name] for name in (*ends, "expired")} == {**ends, "expired": False}
    path = f"/mailboxes/{acme.mailbox_id}/aliases/{made['id']}"
    lifted = data(acme.client.patch(path, json=dict.fromkeys(ends)))
    assert {name: lifted[name] for name in (*ends, "expired")} == {**dict.fromkeys(ends), "expired": False}
    for field, value in (
        ("expires_at", "2001-01-01T00:00:00Z"), ("expires_at", "2099-01-01T00:00:00"), ("expires_at", "soon"),
        ("expires_after", 0), ("expires_after", True), ("expires_after", "5"), ("expires_when_idle", 3651),
    ):  # fmt: skip
        refused = acme.client.patch(path, json={field: value})
        assert code_of(refused) == (422, "invalid-request")
        assert refused.json()["errors"][0]["pointer"] == f"/{field}"
        assert code_of(acme.add("other", **{field: value})) == (422, "invalid-request")
    assert data(acme.client.get(path)) == {**lifted, "updated_at": data(acme.client.get(path))["updated_at"]}


def test_tokens(acme: Tenant) -> None:
    body = {"name": "website", "scopes": ["aliases:write"], "expires_at": "2099-01-01T00:00:00Z"}
    made = data(acme.client.post("/tokens", json=body), 201)
    secret = str(made.pop("secret"))
    assert secret.startswith(str(made["start"]))
    assert made["expires_at"] == "2099-01-01T00:00:00Z"
    with acme.api.client(secret) as client:
        me = client.get("/me").json()
        assert me["data"]["scopes"] == ["aliases:write"]
        assert me["capabilities"]["effective_scopes"] == ["aliases:read", "aliases:write"]
        listed = acme.client.get("/tokens")
        assert made["id"] in [one["id"] for one in listed.json()["data"]]
        assert secret not in listed.text
        assert acme.client.delete(f"/tokens/{made['id']}").status_code == 204
        assert code_of(client.get("/me")) == (401, "unauthenticated")


def test_a_message_token(acme: Tenant) -> None:
    made = data(acme.client.post("/tokens", json={"name": "mailer", "mailbox_id": acme.mailbox_id}), 201)
    assert (made["kind"], made["mailbox_id"]) == ("message", acme.mailbox_id)
    with acme.api.client(str(made["secret"])) as client:
        assert data(client.get("/me"))["mailbox_id"] == acme.mailbox_id
        assert code_of(client.get("/account")) == (403, "insufficient-scope")
        assert code_of(client.get("/domains")) == (403, "insufficient-scope")


def test_audit_log(acme: Tenant) -> None:
    answer = acme.add("sales")
    alias = answer.json()["data"]["id"]
    path = f"/mailboxes/{acme.mailbox_id}/aliases/{alias}"
    acme.client.patch(path, json={"can_send": True}, headers={"X-Request-Id": "order-1"})
    acme.client.delete(path)
    log = acme.client.get("/audit-log", params={"object": f"alias:{alias}"}).json()
    assert [one["action"] for one in log["data"]] == ["alias.delete", "alias.update", "alias.create"]
    deleted, updated, created = log["data"]
    assert created["request_id"] == answer.headers["X-Request-Id"]
    assert updated["request_id"] == "order-1"
    assert (updated["before"]["can_send"], updated["after"]["can_send"]) == (False, True)
    assert (created["before"], deleted["after"]) == (None, None)
    assert {one["token_id"] for one in log["data"]} == {acme.client.get("/me").json()["data"]["id"]}
    assert {one["name"] for one in log["data"]} == {f"sales@{acme.other}"}
    by_name = acme.client.get("/audit-log", params={"object": f"sales@{acme.other}", "since": created["at"]}).json()
    assert by_name["meta"]["total"] == 3
    assert acme.client.get("/audit-log", params={"since": "2099-01-01T00:00:00Z"}).json()["data"] == []


@pytest.mark.parametrize(
    ("asked", "verdict", "rule"),
    [("sales", "deliver", "alias"), ("nobody", "reject", "user-unknown"), ("sales+news", "deliver", "alias")],
)
def test_explain_recipient(acme: Tenant, asked: str, verdict: str, rule: str) -> None:
    acme.added("sales")
    told = data(acme.client.get("/explain/recipient", params={"address": f"{asked}@{acme.other.upper()}"}))
    assert (told["verdict"], told["sql"], told["cache"], told["agree"]) == (verdict, verdict, None, None)
    if verdict == "reject":
        assert told["reply"] == {"code": 550, "enhanced": "5.1.1", "text": f"<{asked}@{acme.other}>: user unknown"}
    else:
        assert told["delivered_to"] == f"{asked}@{acme.other}"


def test_explain_sender(acme: Tenant) -> None:
    acme.added("sales")
    asked = {"login": acme.mailbox, "from": f"sales@{acme.other}"}
    refused = data(acme.client.get("/explain/sender", params=asked))
    assert (refused["verdict"], refused["rule"]) == ("reject", "cannot-send-as")
    assert data(acme.client.get("/explain/sender", params=asked | {"from": acme.mailbox}))["verdict"] == "allow"


def test_from_whom_an_alias_takes_mail(acme: Tenant) -> None:
    rules = {"mode": "listed", "entries": ["Ann@Shop.test", ".shop.test"]}
    made = data(acme.add("sales", senders=rules), 201)
    path = f"/mailboxes/{acme.mailbox_id}/aliases/{made['id']}"
    everyone = {"mode": "everyone", "entries": [], "require_authenticated": False}
    assert made["senders"] == everyone | {"mode": "listed", "entries": ["ann@shop.test", ".shop.test"]}
    assert data(acme.client.patch(path, json={"note": "x"}))["senders"] == made["senders"]
    left = data(acme.client.post(f"{path}/senders:block", json={"sender": ".shop.test"}))["senders"]
    assert left == everyone | {"mode": "listed", "entries": ["ann@shop.test"]}
    asked = {"address": str(made["address"]), "from": "bob@shop.test"}
    found = data(acme.client.get("/explain/recipient", params=asked))
    words = f"<{made['address']}>: this address does not accept mail from you"
    assert (found["rule"], found["reply"]) == ("sender-not-listed", {"code": 550, "enhanced": "5.7.1", "text": words})
    assert data(acme.client.patch(path, json={"senders": {"mode": "except"}}))["senders"] == everyone
    assert data(acme.add("info"), 201)["senders"] == everyone


@pytest.mark.parametrize(
    ("senders", "pointer"),
    [
        ({"mode": "listed", "entries": ["x.test", "no one"]}, "/senders/entries/1"),
        ({"mode": "everyone", "entries": ["x.test"]}, "/senders/entries"),
        ({"mode": "some"}, "/senders/mode"),
        ({"mode": "listed", "entries": ["x.test"] * 501}, "/senders/entries"),
        ({"mode": "listed", "entry": []}, "/senders/entry"),
        ({"mode": "everyone", "require_authenticated": True}, "/senders/require_authenticated"),
    ],
)
def test_senders_that_cannot_be(acme: Tenant, senders: dict[str, object], pointer: str) -> None:
    refused = acme.add("sales", senders=senders)
    assert code_of(refused) == (422, "invalid-request")
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
