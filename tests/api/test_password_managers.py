"""Password managers against the API: their own requests, and that each one's reader finds what it reads."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from admin_api.http.rate_limit import RateLimit
from admin_api.password_managers.routes import WIRES, paths
from store.services import accounts, aliases, domain_settings, random_aliases
from store.services.random_names import WORDS
from store.services.scopes import MESSAGE, SCOPES
from store.sql.database import Database
from tests.api.running_api import RunningApi, site_over
from tests.api.tenants import Tenant, secret_of, tenant
from tests.api.wires import ADDY, CLIENTS, SIMPLELOGIN, Answered, Client, ask, request_of

SCOPE = ("aliases:write",)


def secret(owner: Tenant, scopes: tuple[str, ...] = SCOPE) -> str:
    return secret_of(owner.api.database, mailbox=owner.mailbox_id, scopes=scopes)


def send(owner: Tenant, client: Client, token: str, domain: str = "") -> Answered:
    host = urlsplit(owner.api.url).netloc
    return ask(owner.api.url, request_of(client, host, token, domain or owner.other))


def post(owner: Tenant, path: str, token: str | None = None, **more: Any) -> httpx.Response:
    """Ask by either interface."""
    shown = secret(owner) if token is None else token
    header = {"Authorization": f"Bearer {shown}"} if ADDY in path else {"Authentication": shown}
    headers = header | more.pop("headers", {})
    return httpx.post(owner.api.url + path, headers=headers, timeout=30, verify=False, **more)


def full(owner: Tenant) -> None:
    """Leave no room for another alias."""
    with owner.api.database.write() as tx:
        accounts.update(tx, owner.id, plan="starter", is_trial=True)
        for number in range(5):
            aliases.create(tx, f"full-{number}", owner.domain_id, owner.mailbox_id)


def test_an_alias_is_made_and_read(acme: Tenant) -> None:
    token = secret(acme)
    for client in CLIENTS:
        got = send(acme, client, token)
        kind, address = client.read(got)
        assert (got.status, kind) == (201, "alias"), client.name
        found = acme.client.get(f"/mailboxes/{acme.mailbox_id}/aliases").json()["data"]
        (made,) = (one for one in found if one["address"] == address)
        assert (made["note"], made["can_receive"], made["can_send"]) == (client.note, True, False), client.name
        assert made["domain"] == (acme.other if client.is_addy else acme.domain)


def refusals(owner: Tenant, token: str, domain: str = "") -> Iterator[tuple[Client, int, str]]:
    """Each client, the status that it gets, and what it makes of the answer."""
    for client in CLIENTS:
        got = send(owner, client, token, domain)
        kind, told = client.read(got)
        assert kind == "error", client.name
        yield client, got.status, told


def test_a_wrong_token(acme: Tenant) -> None:
    for client, status, told in refusals(acme, secret(acme)[:-1] + "~"):
        assert status == 401, client.name
        assert not client.tells or "The token is unknown, malformed or expired" in told


def test_the_limit_is_told_in_a_sentence(acme: Tenant) -> None:
    full(acme)
    for client, status, told in refusals(acme, secret(acme)):
        assert status == (422 if client.is_addy else 400), client.name
        assert not client.tells or "A mailbox of a trial account has at most 5 aliases, and this one has 5" in told


def test_a_domain_of_somebody_else(acme: Tenant, rival: Tenant) -> None:
    """The same as for one that nobody has."""
    token = secret(acme)
    for client in (one for one in CLIENTS if one.is_addy):
        got = [send(acme, client, token, domain) for domain in (rival.domain, "nobody.example")]
        told = [client.read(one)[1].replace(rival.domain, "nobody.example") for one in got]
        assert ([one.status for one in got], told[0]) == ([403, 403], told[1])
        assert not client.tells or "nobody.example is not a domain of this account" in told[0]


ADDY_BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, r"[a-z]+-[a-z]+-\d{4}"),
    ({"domain": ""}, r"[a-z]+-[a-z]+-\d{4}"),
    ({"domain": "random", "description": "x" * 900}, r"[a-z]+-[a-z]+-\d{4}"),
    ({"domain": None, "format": "random_words"}, r"[a-z]+-[a-z]+-\d{4}"),
    ({"format": "uuid", "recipient_ids": [], "made_up": {"a": 1}}, r"[0-9a-f-]{36}"),
    ({"format": "random_characters", "description": "a\nb"}, r"[a-z][a-z2-9]{11}"),
    ({"format": "custom", "local_part": "shop"}, "shop"),
]


def test_what_addys_interface_takes(acme: Tenant) -> None:
    token = secret(acme)
    for body, pattern in ADDY_BODIES:
        answer = post(acme, ADDY, token, json=body)
        assert answer.status_code == 201, (body, answer.text)
        data = answer.json()["data"]
        assert re.fullmatch(pattern, data["local_part"]), (body, data)
        assert data["email"] == f"{data['local_part']}@{acme.domain}"
        assert (data["domain"], data["active"], len(data["description"] or "") <= 500) == (acme.domain, True, True)


def test_what_simplelogins_interface_takes(acme: Tenant) -> None:
    token = secret(acme)
    for query, more, pattern, note in (
        ("", {}, r"[a-z]+-[a-z]+-\d{4}", None),
        ("?mode=word&hostname=a.example", {}, r"[a-z]+-[a-z]+-\d{4}", "a.example"),
        ("?mode=uuid&made=up", {"json": {"note": "for b", "made": "up"}}, r"[0-9a-f-]{36}", "for b"),
        ("?hostname=https://c.example:8443/x?y=1&z=2", {"json": {}}, r"[a-z]+-[a-z]+-\d{4}", "c.example"),
        ("?hostname=http://[", {"json": {"note": None}}, r"[a-z]+-[a-z]+-\d{4}", "http://["),
    ):
        answer = post(acme, SIMPLELOGIN + query, token, **more)
        assert answer.status_code == 201, (query, answer.text)
        made = answer.json()
        assert made["alias"] == made["email"]
        assert (made["note"], made["enabled"]) == (note, True)
        assert re.fullmatch(rf"{pattern}@{re.escape(acme.domain)}", made["email"]), made


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    (ADDY, {"content": b"{"}, 422, "invalid-request"),
    (ADDY, {"json": []}, 422, "invalid-request"),
    (ADDY, {"json": {"format": "male_name"}}, 422, "invalid-request"),
    (ADDY, {"json": {"format": ["uuid"]}}, 422, "invalid-request"),
    (ADDY, {"json": {"format": "custom"}}, 422, "invalid-request"),
    (ADDY, {"json": {"format": "custom", "local_part": "Shop"}}, 422, "invalid-local-part"),
    (ADDY, {"json": {"format": "custom", "local_part": "postmaster"}}, 409, "address-reserved"),
    (ADDY, {"json": {"domain": 7}}, 422, "invalid-request"),
    (ADDY, {"json": {"domain": "no domain"}}, 422, "invalid-domain"),
    (ADDY, {"json": {"description": 7}}, 422, "invalid-request"),
    (ADDY, {"content": b" " * 100_001}, 413, "payload-too-large"),
    (SIMPLELOGIN, {"content": b"{"}, 400, "invalid-request"),
    (SIMPLELOGIN, {"json": {"note": 7}}, 400, "invalid-request"),
    (f"{SIMPLELOGIN}?mode=other", {}, 400, "invalid-request"),
]


def test_what_is_refused(acme: Tenant) -> None:
    token = secret(acme)
    for path, more, status, code in REFUSED:
        answer = post(acme, path, token, **more)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (status, code), (more, answer.text)
        assert answer.headers["Content-Type"] == "application/json"
        assert told["message"] != told["error"]
        assert told["request_id"] == answer.headers["X-Request-Id"]
    assert acme.client.get(f"/mailboxes/{acme.mailbox_id}/aliases").json()["data"] == []


def test_slashes_too_many_lead_there_too(acme: Tenant) -> None:
    token = secret(acme)
    for wire in WIRES:
        for path in paths(wire):
            assert post(acme, path, token, json={}).status_code == 201, path
            wrong = httpx.get(acme.api.url + path, verify=False)
            assert (wrong.status_code, wrong.headers["Allow"]) == (405, "OPTIONS, POST"), path


def test_pages_in_browsers_may_ask(acme: Tenant) -> None:
    for path in (ADDY, SIMPLELOGIN):
        allowed = httpx.options(acme.api.url + path, verify=False)
        assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert {"Authorization", "Authentication"} <= set(allowed.headers["Access-Control-Allow-Headers"].split(", "))
        assert post(acme, path, json={}).headers["Access-Control-Allow-Origin"] == "*"
        assert post(acme, path, "x").headers["Access-Control-Allow-Origin"] == "*"


def test_who_may_ask(acme: Tenant) -> None:
    """The token of a mailbox with the scope, and no other."""
    database = acme.api.database
    others = tuple(scope for scope in SCOPES[MESSAGE] if scope not in SCOPE)
    lacking = [secret(acme, others), secret_of(database, account=acme.id), secret_of(database)]
    for path in (ADDY, SIMPLELOGIN):
        for token in lacking:
            answer = post(acme, path, token, json={})
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient-scope")
        for token in ("bn_msg_x", secret(acme)[:-1]):
            assert post(acme, path, token, json={}).status_code == 401
        assert httpx.post(acme.api.url + path, json={}, verify=False).status_code == 401
    with database.write() as tx:
        accounts.update(tx, acme.id, is_active=False)
    for path in (ADDY, SIMPLELOGIN):
        answer = post(acme, path, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "account-suspended")


def test_the_scope_is_good_for_the_own_mailbox_only(acme: Tenant) -> None:
    """Nothing of the REST interface opens to such a token."""
    with acme.api.client(secret(acme)) as program:
        body = {"local_part": "x", "domain_id": acme.domain_id}
        assert program.post(f"/mailboxes/{acme.mailbox_id}/aliases", json=body).status_code == 403
        assert program.get("/me").json()["capabilities"]["effective_scopes"] == ["aliases:read", "aliases:write"]


def test_a_repeat_with_its_key_is_the_same_alias(acme: Tenant) -> None:
    token = secret(acme)
    for path in (ADDY, SIMPLELOGIN):
        first, again, other = (
            post(acme, path, token, json={"note": note}, headers={"Idempotency-Key": path}) for note in "aab"
        )
        assert (first.status_code, again.status_code) == (201, 201)
        assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
        assert other.json()["code"] == "idempotency-key-reused"
    assert post(acme, ADDY, token, json={}, headers={"Idempotency-Key": "a b"}).status_code == 422


def test_the_rate_limit_holds(sqlite_api: Database) -> None:
    running = RunningApi(site_over(sqlite_api, buckets=RateLimit(1, 2)))
    try:
        owner = tenant(running)
        token = secret(owner)
        answers = [post(owner, path, token, json={}) for path in (ADDY, SIMPLELOGIN, ADDY, SIMPLELOGIN)]
        assert [one.status_code for one in answers] == [201, 201, 429, 429]
        assert answers[-1].headers["Retry-After"] == "1"
        assert answers[-1].json()["error"].startswith("The limit of this token is")
    finally:
        running.close()


def test_the_domain_that_the_account_chose(acme: Tenant, rival: Tenant) -> None:
    token = secret(acme)
    assert acme.client.get("/account").json()["data"]["random_alias_domain_id"] is None
    for chosen, domain in ((acme.other_id, acme.other), (None, acme.domain)):
        changed = acme.client.patch("/account", json={"random_alias_domain_id": chosen})
        assert changed.json()["data"]["random_alias_domain_id"] == chosen
        for path in (ADDY, SIMPLELOGIN):
            assert post(acme, path, token, json={}).text.count(f"@{domain}") >= 1
    refused = acme.client.patch("/account", json={"random_alias_domain_id": rival.domain_id})
    assert (refused.status_code, refused.json()["code"]) == (404, "domain-not-yours")
    assert rival.client.get("/account").json()["data"]["random_alias_domain_id"] is None


def test_a_chosen_domain_that_is_switched_off(acme: Tenant) -> None:
    """It is told, rather than an address made somewhere else."""
    acme.client.patch("/account", json={"random_alias_domain_id": acme.other_id})
    with acme.api.database.write() as tx:
        domain_settings.update(tx, acme.other_id, is_active=False)
    answer = post(acme, SIMPLELOGIN)
    assert (answer.status_code, answer.json()["code"]) == (400, "domain-not-active")


def test_names_that_are_taken_or_reserved_are_drawn_again(acme: Tenant) -> None:
    def drawn(names: Iterator[str]) -> str:
        with acme.api.database.write() as tx:
            return random_aliases.create(tx, acme.mailbox_id, WORDS, draw=lambda _: next(names)).local_part

    assert drawn(iter(["postmaster", "john", "first", "second"])) == "first"
    assert drawn(iter(["first", "abuse", "second"])) == "second"
