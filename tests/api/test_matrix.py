"""Every route of the OpenAPI against every token that must not pass, and every object of another account.

The table below is the specification's, not the code's: a route that is not in it fails the test.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx
import pytest

from store.services import mailboxes
from store.services.scopes import SCOPES, effective
from tests.api.running_api import RunningApi, code_of
from tests.api.tenants import Tenant, secret_of, tenant

Ids = dict[str, int]
OPEN = {"GET /healthz", "GET /readyz", "GET /metrics"}
ANY_TOKEN = {"GET /me"}
MESSAGE_TOKENS = {
    "GET /messages/_me", "GET /messages/identities", "POST /messages/send", "GET /messages/{message_id}"
}  # fmt: skip
MESSAGE_TOKENS |= {
    f"{method} /mailboxes/{{mailbox_id}}/rules{rest}"
    for method, rest in (
        ("POST", ""), ("GET", ""), ("GET", "/{rule_id}"), ("PATCH", "/{rule_id}"), ("DELETE", "/{rule_id}"),
        ("PUT", "/{rule_id}"), ("PATCH", "/reorder"),
        ("POST", ":reorder"), ("GET", ":preview"), ("POST", ":test"), ("POST", ":take-over"), ("POST", ":give-back"),
    )
}  # fmt: skip
RULE: dict[str, object] = {
    "name": "x",
    "conditions": [{"field": "subject", "operator": "is", "value": "x"}],
    "actions": [{"type": "flag"}],
}
ONLY_MESSAGE_TOKENS = {"POST /messages/send", "GET /messages/{message_id}"}
OPERATORS = {
    "GET /accounts", "POST /accounts",
    "GET /accounts/{account_id}", "PATCH /accounts/{account_id}", "DELETE /accounts/{account_id}",
}  # fmt: skip


@dataclass(frozen=True)
class Route:
    """What a route needs, and a request that would do if its ids were the caller's."""

    scopes: tuple[str, ...] = ()
    body: Callable[[Ids], Any] | None = None
    csv: Callable[[Tenant], str] | None = None
    query: Callable[[Tenant], dict[str, str]] | None = None
    of_message_tokens: tuple[str, ...] | None = None  # what these need instead

    @property
    def security(self) -> list[dict[str, list[str]]]:
        """What the description says of it."""
        more = [] if self.of_message_tokens is None else [self.of_message_tokens]
        return [{"token": list(scopes)} for scopes in (self.scopes, *more)]


def route(*scopes: str, **body: object) -> Route:
    """A value that is the name of an id stands for that id."""
    if not body:
        return Route(scopes)
    return Route(scopes, lambda ids: {name: ids.get(str(value), value) for name, value in body.items()})


def bulk_items(ids: Ids) -> dict[str, object]:
    mailbox, alias, domain = ids["mailbox_id"], ids["alias_id"], ids["domain_id"]
    return {
        "items": [
            {"op": "create", "mailbox_id": mailbox, "local_part": "bulk", "domain_id": domain},
            {"op": "update", "mailbox_id": mailbox, "alias_id": alias, "can_send": True},
        ]
    }


TABLE: dict[str, Route] = {
    "GET /me": route(),
    "GET /account": route(),
    "PATCH /account": route("domains:write", random_alias_domain_id="domain_id"),
    "GET /messages/_me": route(),
    "GET /messages/identities": Route(
        ("mailboxes:read",),
        query=lambda owner: {"mailbox": owner.mailbox},
        of_message_tokens=("messages:send",),
    ),
    "POST /messages/send": route("messages:send", to=["ann@outside.example"], subject="x", body={"text": "x"}),
    "GET /messages/{message_id}": route("messages:send"),
    "GET /mailboxes/{mailbox_id}/mobileconfig": route("mailboxes:read"),
    "POST /accounts": route("tokens:write", name="matrix", plan="pro"),
    "GET /accounts": route(),
    "GET /accounts/{account_id}": route(),
    "PATCH /accounts/{account_id}": route("tokens:write", plan="pro"),
    "DELETE /accounts/{account_id}": route("tokens:write"),
    "POST /domains": route("domains:write", name="matrix.com"),
    "GET /domains": route("domains:read"),
    "GET /domains/{domain_id}": route("domains:read"),
    "PATCH /domains/{domain_id}": route("domains:write", system_mailbox_id="mailbox_id"),
    "DELETE /domains/{domain_id}": route("domains:write"),
    "PATCH /domains/{domain_id}/catch-all": route("domains:write", enabled=False),
    "GET /domains/{domain_id}/dns-requirements": route("domains:read"),
    "POST /domains/{domain_id}/dns-recheck": route("domains:write"),
    "GET /dns-checks/{check_id}": route("domains:read"),
    "POST /mailboxes": route(
        "mailboxes:write", domain_id="domain_id", local_part="x", password_mode="generated_one_time"
    ),
    "GET /mailboxes": route("mailboxes:read"),
    "GET /mailboxes/{mailbox_id}": route("mailboxes:read"),
    "PATCH /mailboxes/{mailbox_id}": route("mailboxes:write", display_name="x"),
    "POST /mailboxes/{mailbox_id}/password": route("mailboxes:write", password="x" * 10),
    "POST /mailboxes/{mailbox_id}:pause": route("mailboxes:write"),
    "POST /mailboxes/{mailbox_id}:resume": route("mailboxes:write"),
    "POST /mailboxes/{mailbox_id}:delete-intent": route("mailboxes:write"),
    "POST /delete-intents/{intent_id}:confirm": route("mailboxes:write"),
    "POST /mailboxes/{mailbox_id}/aliases": route("aliases:write", local_part="x", domain_id="domain_id"),
    "GET /mailboxes/{mailbox_id}/aliases": route("aliases:read"),
    "GET /mailboxes/{mailbox_id}/aliases/{alias_id}": route("aliases:read"),
    "PATCH /mailboxes/{mailbox_id}/aliases/{alias_id}": route("aliases:write", can_send=True),
    "DELETE /mailboxes/{mailbox_id}/aliases/{alias_id}": route("aliases:write"),
    "GET /kept-names": route("aliases:read"),
    "DELETE /kept-names/{kept_name_id}": route("aliases:write"),
    "GET /mailboxes/{mailbox_id}/aliases/{alias_id}/stats": route("aliases:read"),
    "GET /mailboxes/{mailbox_id}/aliases/{alias_id}/senders": route("aliases:read"),
    "POST /mailboxes/{mailbox_id}/aliases/{alias_id}/senders:block": route("aliases:write", sender="x@spam.test"),
    "GET /mailboxes/{mailbox_id}/aliases/{alias_id}/rules": route("aliases:read", "rules:read"),
    "POST /mailboxes/{mailbox_id}/rules": route("rules:write", **RULE),
    "GET /mailboxes/{mailbox_id}/rules": route("rules:read"),
    "GET /mailboxes/{mailbox_id}/rules/{rule_id}": route("rules:read"),
    "PATCH /mailboxes/{mailbox_id}/rules/{rule_id}": route("rules:write", name="x"),
    "PUT /mailboxes/{mailbox_id}/rules/{rule_id}": route("rules:write", **RULE),
    "PATCH /mailboxes/{mailbox_id}/rules/reorder": route("rules:write", order=[]),
    "DELETE /mailboxes/{mailbox_id}/rules/{rule_id}": route("rules:write"),
    "POST /mailboxes/{mailbox_id}/rules:reorder": route("rules:write", rule_ids=[]),
    "GET /mailboxes/{mailbox_id}/rules:preview": route("rules:read"),
    "POST /mailboxes/{mailbox_id}/rules:test": route("rules:read", message="Subject: x\n\n"),
    "POST /mailboxes/{mailbox_id}/rules:take-over": route("rules:write"),
    "POST /mailboxes/{mailbox_id}/rules:give-back": route("rules:write"),
    "POST /aliases:bulk": Route(("aliases:write",), bulk_items),
    "POST /aliases:import": Route(
        ("aliases:write",),
        csv=lambda owner: (
            "address,mailbox,can_receive,can_send,is_active,note\n"
            f"imported@{owner.other},{owner.mailbox},true,false,true,\n"
        ),
    ),
    "GET /aliases:export": route("aliases:read"),
    "GET /explain/recipient": Route(("aliases:read",), query=lambda owner: {"address": owner.mailbox}),
    "GET /explain/sender": Route(
        ("aliases:read",), query=lambda owner: {"login": owner.mailbox, "from": owner.mailbox}
    ),
    "GET /audit-log": route("domains:read", "mailboxes:read"),
    "POST /tokens": route("tokens:write", name="x", mailbox_id="mailbox_id"),
    "GET /tokens": route("tokens:write"),
    "DELETE /tokens/{token_id}": route("tokens:write"),
}


@pytest.fixture(scope="module")
def described(api: RunningApi) -> dict[str, dict[str, Any]]:
    """The operations of the served OpenAPI, by method and path."""
    paths = httpx.get(f"{api.url}/api/v1/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}": operation
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


@pytest.fixture(scope="module")
def owners(api: RunningApi) -> tuple[Tenant, Tenant]:
    return tenant(api, "agency"), tenant(api, "agency")


def ids_of(owner: Tenant) -> Ids:
    """Make one object of each kind, and return their ids."""
    me = owner.client.get("/me").json()["data"]["id"]
    intent = owner.client.post(f"/mailboxes/{owner.mailbox_id}:delete-intent").json()["data"]["id"]
    check = owner.client.post(f"/domains/{owner.other_id}/dns-recheck").json()["data"]["id"]
    found = owner.client.get(f"/mailboxes/{owner.mailbox_id}/aliases").json()["data"]
    alias = found[0]["id"] if found else owner.added("sales")
    with owner.api.client(secret_of(owner.api.database, mailbox=owner.mailbox_id)) as program:
        body = {"to": ["ann@outside.example"], "subject": "x", "body": {"text": "x"}}
        message = program.post("/messages/send", json=body, headers={"Idempotency-Key": "x"}).json()["data"]["id"]
    rule = owner.client.post(f"/mailboxes/{owner.mailbox_id}/rules", json=RULE).json()["data"]["id"]
    owner.client.patch("/account", json={"keep_deleted_days": 30})
    owner.client.delete(f"/mailboxes/{owner.mailbox_id}/aliases/{owner.added('gone')}")
    kept = next(one["id"] for one in owner.client.get("/kept-names").json()["data"] if one["local_part"] == "gone")
    return {
        "rule_id": rule,
        "kept_name_id": kept,
        "message_id": message,
        "account_id": owner.id,
        "domain_id": owner.other_id,
        "mailbox_id": owner.mailbox_id,
        "alias_id": alias,
        "token_id": me,
        "intent_id": intent,
        "check_id": check,
    }


def ask(client: httpx.Client, name: str, ids: Ids, body_ids: Ids, owner: Tenant) -> httpx.Response:
    """Send the request of the table."""
    method, path = name.split(" ")
    wanted = TABLE[name]
    more: dict[str, Any] = {}
    if wanted.body is not None:
        more["json"] = wanted.body(body_ids)
    if wanted.csv is not None:
        more = {"content": wanted.csv(owner), "headers": {"Content-Type": "text/csv"}}
    if wanted.query is not None:
        more["params"] = wanted.query(owner)
    return client.request(method, path.format(**ids), **more)


def foreign_bodies(name: str, own: Ids, foreign: Ids) -> Iterator[Ids]:
    """All ways to put one id of another account into a body."""
    body = TABLE[name].body
    for one in own:
        swapped = {**own, one: foreign[one]}
        if body is not None and body(swapped) != body(own):
            yield swapped


def test_the_table_has_every_route(described: dict[str, dict[str, Any]]) -> None:
    assert set(described) == set(TABLE) | OPEN


def test_the_description_names_the_scopes(described: dict[str, dict[str, Any]]) -> None:
    told = {name: operation.get("security") for name, operation in described.items()}
    assert told == dict.fromkeys(OPEN) | {name: one.security for name, one in TABLE.items()}


def test_without_a_token(api: RunningApi, owners: tuple[Tenant, Tenant]) -> None:
    owner = owners[0]
    ids = ids_of(owner)
    with api.client() as nobody:
        for name in TABLE:
            assert code_of(ask(nobody, name, ids, ids, owner)) == (401, "unauthenticated"), name


def test_without_the_scope(api: RunningApi, owners: tuple[Tenant, Tenant]) -> None:
    owner = owners[0]
    ids = ids_of(owner)
    for name, wanted in TABLE.items():
        for missing in wanted.scopes:
            kind = "message" if name in ONLY_MESSAGE_TOKENS else "account"
            left = tuple(scope for scope in SCOPES[kind] if missing not in effective([scope]))
            account = None if name in OPERATORS | ONLY_MESSAGE_TOKENS else owner.id
            mailbox = owner.mailbox_id if name in ONLY_MESSAGE_TOKENS else None
            with api.client(secret_of(api.database, account=account, mailbox=mailbox, scopes=left)) as client:
                answer = ask(client, name, ids, ids, owner)
                assert code_of(answer) == (403, "insufficient-scope"), (name, missing)
                assert missing in answer.json()["detail"]


def test_with_a_token_of_the_wrong_kind(api: RunningApi, owners: tuple[Tenant, Tenant]) -> None:
    owner = owners[0]
    ids = ids_of(owner)
    with api.client(secret_of(api.database, mailbox=owner.mailbox_id)) as message:
        for name in set(TABLE) - ANY_TOKEN - MESSAGE_TOKENS:
            assert code_of(ask(message, name, ids, ids, owner)) == (403, "insufficient-scope"), name
    for name in OPERATORS | ONLY_MESSAGE_TOKENS:
        assert code_of(ask(owner.client, name, ids, ids, owner)) == (403, "insufficient-scope"), name


def foreign_paths(name: str, own: Ids, foreign: Ids) -> Iterator[Ids]:
    """All ways to fill a path in which one id at least is another account's."""
    names = [part.split("}")[0] for part in name.split("{")[1:]]
    for chosen in product((own, foreign), repeat=len(names)):
        if foreign in chosen:
            yield {one: source[one] for one, source in zip(names, chosen, strict=True)}


@pytest.mark.parametrize("confirmed", ["true", "false"])
def test_the_objects_of_others_are_not_there(owners: tuple[Tenant, Tenant], confirmed: str) -> None:
    caller, other = owners
    own, foreign = ids_of(caller), ids_of(other)
    before = everything_of(other)
    client = caller.api.client(secret_of(caller.api.database, account=caller.id), **{"X-Confirm-Delete": confirmed})
    for name in sorted(set(TABLE) - OPERATORS - ONLY_MESSAGE_TOKENS):
        for ids in foreign_paths(name, own, foreign):
            assert ask(client, name, ids, own, caller).status_code == 404, (name, ids)
        for ids in foreign_bodies(name, own, foreign):
            assert ask(client, name, own, ids, caller).status_code == 404, (name, ids)
    assert everything_of(other) == before


def test_names_of_others_are_not_there(owners: tuple[Tenant, Tenant]) -> None:
    caller, other = owners
    for name in ("GET /explain/recipient", "GET /explain/sender"):
        own = ids_of(caller)
        assert code_of(ask(caller.client, name, own, own, other)) == (404, "domain-not-yours")
    asked = {"login": caller.mailbox, "from": other.mailbox}
    assert code_of(caller.client.get("/explain/sender", params=asked)) == (404, "domain-not-yours")
    asked = {"mailbox": other.mailbox}
    assert code_of(caller.client.get("/messages/identities", params=asked)) == (404, "not-found")
    assert code_of(caller.client.get("/mailboxes", params={"domain_id": other.domain_id})) == (404, "not-found")
    for wanted in (other.mailbox, other.domain, f"mailbox:{other.mailbox_id}", f"domain:{other.domain_id}"):
        assert caller.client.get("/audit-log", params={"object": wanted}).json()["data"] == []


def test_the_messages_of_others_are_not_there(owners: tuple[Tenant, Tenant]) -> None:
    caller, other = owners
    message = ids_of(other)["message_id"]
    with caller.api.client(secret_of(caller.api.database, mailbox=caller.mailbox_id)) as program:
        assert code_of(program.get(f"/messages/{message}")) == (404, "not-found")
        assert program.get(f"/messages/{ids_of(caller)['message_id']}").status_code == 200


def test_a_message_token_has_the_rules_of_its_mailbox(owners: tuple[Tenant, Tenant]) -> None:
    owner, other = owners
    own, foreign = ids_of(owner), ids_of(other)
    with owner.api.database.write() as tx:
        mary = mailboxes.add(tx, f"mary@{owner.domain}", "correct horse").id  # of the same account
    with owner.api.client(secret_of(owner.api.database, mailbox=owner.mailbox_id)) as program:
        for name in sorted(one for one in MESSAGE_TOKENS if "/rules" in one):
            for mailbox in (foreign["mailbox_id"], mary):
                answer = ask(program, name, own | {"mailbox_id": mailbox}, own, owner)
                assert code_of(answer) == (404, "not-found"), name
        path = f"/mailboxes/{owner.mailbox_id}/rules"
        assert program.post(path, json=RULE).status_code == 201
        assert len(program.get(path).json()["data"]) >= 2


def everything_of(owner: Tenant) -> list[Any]:
    paths = ["/account", "/domains", "/mailboxes"]
    paths += [f"/mailboxes/{owner.mailbox_id}/{of_mailbox}" for of_mailbox in ("aliases", "rules")]
    return [owner.client.get(path).json() for path in paths]


def test_lists_hold_nothing_of_others(owners: tuple[Tenant, Tenant]) -> None:
    caller, other = owners
    ids_of(other)
    for path in ("/domains", "/mailboxes", "/tokens", "/audit-log"):
        text = caller.client.get(path, params={"per_page": 100}).text
        for name in (other.domain, other.other, other.mailbox, other.name):
            assert f'"{name}"' not in text, (path, name)
