"""Every code of docs/api.md, "Errors": its status, what its document holds, in which order the rules are asked."""

from typing import Any

import httpx
import pytest

from admin_api.http.error_codes import STATUS, TITLES
from store.errors import CODES
from store.services import domains, mailboxes
from tests.api.running_api import RunningApi, code_of
from tests.api.tenants import Tenant, tenant
from tests.store.filling import fill_up

MEMBERS = {
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "message",
    "hint",
    "request_id",
    "retryable",
    "errors",
}

ON_SQLITE = pytest.mark.parametrize("api_url", ["sqlite"], indirect=True, scope="session")  # no matter where


def test_every_code_has_a_status_and_a_title() -> None:
    assert set(STATUS) == set(TITLES)
    assert set(CODES) <= set(STATUS)


@ON_SQLITE
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "there is nothing before the @"),
        ("Info", "upper case is not allowed; write it in lower case"),
        ("sales team", "spaces are not allowed"),
        ("hello@world", "an @ is not allowed in the name"),
        ("a" * 65, "it is 65 characters long; at most 64 are allowed"),
        (".dot", "it must not begin with a dot"),
        ("dot.", "it must not end with a dot"),
        ("d..t", "two dots in a row are not allowed"),
        ("sales\n", "the character '\\n' is not allowed"),
        ("sa\x00les", "the character '\\x00' is not allowed"),
        ("büro", "the character '\\xfc' is not allowed"),
        ("tab\there", "the character '\\t' is not allowed"),
    ],
)
def test_names_that_cannot_be(acme: Tenant, name: str, rule: str) -> None:
    for answer in (
        acme.add(name),
        acme.client.post("/mailboxes", json={"domain_id": acme.domain_id, "local_part": name, "password": "x" * 8}),
    ):
        assert code_of(answer) == (422, "invalid-local-part")
        assert rule in answer.json()["detail"]
        assert answer.json()["errors"] == [{"pointer": "/local_part", "detail": answer.json()["detail"]}]


def test_the_document(acme: Tenant) -> None:
    acme.added("sales")
    answer = acme.add("sales")
    problem = answer.json()
    assert set(problem) == MEMBERS
    assert problem["type"] == "urn:byname:problem:address-taken"
    assert problem["instance"] == f"/api/v1/mailboxes/{acme.mailbox_id}/aliases"
    assert (problem["code"], problem["retryable"]) == ("address-taken", False)
    assert problem["errors"][0]["pointer"] == "/local_part"


def test_names_that_are_not_free(acme: Tenant) -> None:
    acme.added("sales")
    mailbox = {"domain_id": acme.other_id, "local_part": "sales", "password_mode": "generated_one_time"}
    assert code_of(acme.client.post("/mailboxes", json=mailbox)) == (409, "address-taken")
    assert code_of(acme.add("abuse")) == (409, "address-reserved")
    assert code_of(acme.client.post("/mailboxes", json=mailbox | {"local_part": "postmaster"})) == (
        409, "address-reserved",
    )  # fmt: skip
    john = {"local_part": "john", "domain_id": acme.domain_id}
    assert code_of(acme.client.post(f"/mailboxes/{acme.mailbox_id}/aliases", json=john)) == (409, "address-taken")


@pytest.mark.parametrize("local_part", ["sales", "taken", "abuse", "NOT VALID", ""])
def test_a_domain_of_others_is_told_before_the_name(acme: Tenant, rival: Tenant, local_part: str) -> None:
    rival.client.post(
        f"/mailboxes/{rival.mailbox_id}/aliases", json={"local_part": "taken", "domain_id": rival.domain_id}
    )
    told = []
    for domain in (rival.domain_id, 999_999, 2**63 - 1):
        answer = acme.client.post(
            f"/mailboxes/{acme.mailbox_id}/aliases", json={"local_part": local_part, "domain_id": domain}
        )
        assert code_of(answer) == (404, "domain-not-yours")
        told.append(answer.json()["detail"].replace(str(domain), "ID"))
    assert len(set(told)) == 1
    body = {"domain_id": rival.domain_id, "local_part": local_part, "password_mode": "generated_one_time"}
    assert code_of(acme.client.post("/mailboxes", json=body)) == (404, "domain-not-yours")


def test_a_mailbox_of_others_is_told_before_the_domain(acme: Tenant, rival: Tenant) -> None:
    for mailbox in (rival.mailbox_id, 999_999):
        answer = acme.client.post(f"/mailboxes/{mailbox}/aliases", json={"local_part": "X", "domain_id": 999_999})
        assert code_of(answer) == (404, "not-found")


def test_a_domain_that_is_not_active(acme: Tenant) -> None:
    pending = acme.client.post("/domains", json={"name": f"pending-{acme.domain}"}).json()["data"]["id"]
    asked = {"local_part": "sales", "domain_id": pending}
    path = f"/mailboxes/{acme.mailbox_id}/aliases"
    assert code_of(acme.client.post(path, json=asked)) == (409, "domain-not-active")
    assert code_of(acme.client.post(path, json=asked | {"local_part": "A B"})) == (422, "invalid-local-part")
    acme.client.patch(f"/domains/{acme.other_id}", json={"is_active": False})
    assert code_of(acme.add("sales")) == (409, "domain-not-active")
    catch_all = {"enabled": True, "destination": acme.mailbox}
    refused = acme.client.patch(f"/domains/{pending}/catch-all", json=catch_all)
    assert code_of(refused) == (409, "domain-not-active")


def test_an_alias_cannot_be_renamed(acme: Tenant) -> None:
    path = f"/mailboxes/{acme.mailbox_id}/aliases/{acme.added('sales')}"
    for field, value in (("local_part", "other"), ("address", f"x@{acme.other}"), ("domain_id", acme.domain_id)):
        answer = acme.client.patch(path, json={field: value, "can_send": True})
        assert code_of(answer) == (422, "alias-not-renamable")
        assert answer.json()["errors"][0]["pointer"] == f"/{field}"
    assert acme.client.get(path).json()["data"]["can_send"] is False


@pytest.mark.parametrize(
    ("plan", "trial", "used", "code", "limit", "upgrade"),
    [
        ("nano", False, 0, "feature-not-available", 0, "starter"),
        ("starter", False, 30, "alias-limit-reached", 30, "pro"),
        ("pro", False, 50, "alias-limit-reached", 50, "agency"),
        ("agency", False, 100, "alias-limit-reached", 100, None),
        ("pro", True, 5, "trial-limit-reached", 5, None),
    ],
)
def test_limits(api: RunningApi, plan: str, trial: bool, used: int, code: str, limit: int, upgrade: str | None) -> None:
    owner = tenant(api, plan, is_trial=trial)
    with api.database.write() as tx:
        fill_up(tx, used, owner.mailbox_id, owner.other_id)
    answer = owner.add("one-more")
    assert code_of(answer) == (422, code)
    figures = {name: answer.json()[name] for name in ("used", "limit", "plan", "upgrade_to")}
    assert figures == {"used": used, "limit": limit, "plan": plan, "upgrade_to": upgrade}
    assert answer.json().get("reason") == ("feature_not_available" if code == "feature-not-available" else None)
    assert answer.json()["hint"]


def test_domains_that_cannot_be(acme: Tenant, rival: Tenant) -> None:
    def add(name: object) -> httpx.Response:
        return acme.client.post("/domains", json={"name": name})

    for name in ("", "com", "a b.com", "-x.com", "x..com", "büro\n.com", "1.2.3.4 "):
        assert code_of(add(name)) == (422, "invalid-domain")
    assert code_of(add(acme.domain.upper())) == (409, "domain-taken")
    assert add(rival.domain).status_code == 201  # anyone may try; only one can prove it
    with acme.api.database.write() as tx, pytest.raises(Exception, match="proved"):
        domains.verify(tx, rival.domain, account=acme.name)


def test_destinations(acme: Tenant, rival: Tenant) -> None:
    acme.added("sales")
    path = f"/domains/{acme.other_id}/catch-all"
    for destination in (f"sales@{acme.other}", rival.mailbox, f"nobody@{acme.other}"):
        answer = acme.client.patch(path, json={"enabled": True, "destination": destination})
        assert code_of(answer) == (422, "destination-not-a-mailbox")
        assert answer.json()["errors"][0]["pointer"] == "/destination"
    assert code_of(acme.client.patch(path, json={"enabled": True})) == (422, "invalid-request")
    for mailbox in (rival.mailbox_id, 999_999):
        answer = acme.client.patch(f"/domains/{acme.other_id}", json={"system_mailbox_id": mailbox})
        assert code_of(answer) == (404, "not-found")


def test_conflicts(acme: Tenant, operator: httpx.Client) -> None:
    assert code_of(operator.post("/accounts", json={"name": acme.name, "plan": "pro"})) == (409, "conflict")
    refused = operator.delete(f"/accounts/{acme.id}")
    assert code_of(refused) == (409, "conflict")
    acme.client.patch(f"/domains/{acme.other_id}/catch-all", json={"enabled": True, "destination": acme.mailbox})
    intent = acme.client.post(f"/mailboxes/{acme.mailbox_id}:delete-intent").json()["data"]
    assert intent["catch_all_of"] == [acme.other]
    confirmed = {"X-Confirm-Delete": "true"}
    answer = acme.client.post(f"/delete-intents/{intent['id']}:confirm", headers=confirmed)
    assert code_of(answer) == (409, "conflict")
    assert answer.json()["catch_all_of"] == [acme.other]


@ON_SQLITE
@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("POST", "/domains", {"name": "x.com", "verified": True}, "/verified"),
        ("POST", "/domains", {}, "/name"),
        ("POST", "/domains", {"name": 5}, "/name"),
        ("POST", "/domains", [], ""),
        ("POST", "/mailboxes", {"domain_id": "1", "local_part": "x", "password": "x" * 8}, "/domain_id"),
        ("POST", "/mailboxes", {"domain_id": 1, "local_part": "x"}, ""),
        ("POST", "/mailboxes", {"domain_id": 1, "local_part": "x", "password": "short"}, "/password"),
        ("POST", "/mailboxes", {"domain_id": 1, "local_part": "x", "password_mode": "secret"}, "/password_mode"),
        ("PATCH", "/mailboxes/{mailbox}", {"display_name": 5}, "/display_name"),
        ("PATCH", "/mailboxes/{mailbox}", {"is_active": False}, "/is_active"),
        ("PATCH", "/domains/{domain}", {"is_active": 1}, "/is_active"),
        ("PATCH", "/domains/{domain}/catch-all", {"enabled": "yes"}, "/enabled"),
        ("POST", "/mailboxes/{mailbox}/aliases", {"local_part": "x", "domain_id": True}, "/domain_id"),
        ("POST", "/mailboxes/{mailbox}/aliases", {"local_part": "x", "domain_id": 0}, "/domain_id"),
        ("POST", "/mailboxes/{mailbox}/aliases", {"local_part": "x", "domain_id": 1, "note": "x" * 501}, "/note"),
        ("POST", "/tokens", {"name": "x", "scopes": []}, "/scopes"),
        ("POST", "/tokens", {"name": "x", "scopes": ["everything"]}, "/scopes/0"),
        ("POST", "/tokens", {"name": "x", "expires_at": 1}, "/expires_at"),
        ("POST", "/tokens", {"name": "x", "expires_at": "2099-01-01T00:00:00"}, "/expires_at"),
        ("POST", "/tokens", {"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
    ],
)
def test_bodies_that_do_not_fit(acme: Tenant, method: str, path: str, body: Any, pointer: str) -> None:
    where = path.format(mailbox=acme.mailbox_id, domain=acme.domain_id)
    answer = acme.client.request(method, where, json=body)
    assert code_of(answer) == (422, "invalid-request")
    assert answer.json()["errors"][0]["pointer"] == pointer


@ON_SQLITE
@pytest.mark.parametrize("note", ["two\nlines", "bell\x07", "\x00"])
def test_control_characters_in_text(acme: Tenant, note: str) -> None:
    assert code_of(acme.add("sales", note=note)) == (422, "invalid-request")
    path = f"/mailboxes/{acme.mailbox_id}"
    assert code_of(acme.client.patch(path, json={"display_name": note})) == (422, "invalid-request")
    assert code_of(acme.client.post(f"{path}/password", json={"password": "longer" + note})) == (422, "invalid-request")


def test_a_password_is_never_repeated(acme: Tenant) -> None:
    body = {"domain_id": acme.domain_id, "local_part": "x", "password": "hunter2", "password_mode": "hunter2"}
    assert "hunter2" not in acme.client.post("/mailboxes", json=body).text
    made = acme.client.post("/mailboxes", json={"domain_id": acme.domain_id, "local_part": "y", "password": "hunter22"})
    assert made.status_code == 201
    assert "hunter22" not in made.text
    with acme.api.database.read() as tx:
        assert mailboxes.get(tx, made.json()["data"]["id"]).address == f"y@{acme.domain}"
    assert "hunter22" not in acme.client.get("/audit-log", params={"per_page": 100}).text
    assert "argon2" not in acme.client.get("/audit-log", params={"per_page": 100}).text


def test_tokens_do_not_outgrow_their_maker(acme: Tenant) -> None:
    body = {"name": "small", "scopes": ["tokens:write", "aliases:read"]}
    secret = acme.client.post("/tokens", json=body).json()["data"]["secret"]
    with acme.api.client(secret) as small:
        assert code_of(small.post("/tokens", json={"name": "x", "scopes": ["aliases:write"]})) == (
            403, "insufficient-scope",
        )  # fmt: skip
        made = small.post("/tokens", json={"name": "x"}).json()["data"]
        assert set(made["scopes"]) == {"tokens:write", "aliases:read"}
