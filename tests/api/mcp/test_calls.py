"""Calls: repeated, at once, page by page, refused; and what each token may do, held against the specification."""

import json
from collections.abc import Iterator

import pytest

from admin_api.mcp.tools import TOOLS
from admin_api.rest.routes.all import operations_by_name
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR, SCOPES, effective
from tests.api.mcp.agents import HANDSHAKE, MODERN, Agent, AgentProcess
from tests.api.mcp.conftest import OpenAgent
from tests.api.running_api import RunningApi
from tests.api.tenants import Tenant, secret_of
from tests.api.test_matrix import MESSAGE_TOKENS, ONLY_MESSAGE_TOKENS, OPERATORS, TABLE

NOTHING = {
    "mailbox_id",
    "alias_id",
    "domain_id",
    "check_id",
    "token_id",
    "message_id",
    "rule_id",
    "kept_name_id",
}  # ids of nothing
FLAG = {"type": "flag"}
HELD = [
    *((ACCOUNT, (scope,)) for scope in SCOPES[ACCOUNT]),
    (ACCOUNT, SCOPES[ACCOUNT]),
    (MESSAGE, ("messages:send",)),
    (MESSAGE, ("rules:read",)),
    (OPERATOR, SCOPES[OPERATOR]),
]


def expected(kind: str, scopes: tuple[str, ...]) -> set[str]:
    """Return the tools that such a token may use, by the table of routes that the specification gives."""
    return set(_expected(kind, effective(scopes)))


def _expected(kind: str, held: frozenset[str]) -> Iterator[str]:
    for tool in TOOLS.values():
        operation = operations_by_name()[tool.operation]
        route = f"{operation.method} {operation.path.removeprefix('/api/v1')}"
        wanted = TABLE[route].scopes
        if kind == MESSAGE and TABLE[route].of_message_tokens is not None:
            wanted = TABLE[route].of_message_tokens or ()
        only_messages = route in ONLY_MESSAGE_TOKENS or route == "GET /messages/_me"
        may_come = route in MESSAGE_TOKENS | {"GET /me"} if kind == MESSAGE else not only_messages
        if may_come and route not in OPERATORS and held.issuperset(wanted):
            yield tool.name


@pytest.mark.parametrize(("kind", "scopes"), HELD, ids=lambda value: value if isinstance(value, str) else len(value))
def test_listed_is_what_may_be_used(
    tools_api: RunningApi, process: AgentProcess, owner: Tenant, kind: str, scopes: tuple[str, ...]
) -> None:
    whose = {ACCOUNT: {"account": owner.id}, MESSAGE: {"mailbox": owner.mailbox_id}, OPERATOR: {}}[kind]
    secret = secret_of(tools_api.database, **whose, scopes=scopes)
    agent = Agent(process, tools_api.url, secret)
    listed = agent.tools()
    assert listed == expected(kind, scopes)
    assert listed == Agent(process, tools_api.url, secret, mode=HANDSHAKE).tools()
    given = dict.fromkeys(NOTHING, 999_999)
    calls = [[name, _fitting(name, given)] for name in TOOLS]
    answers = zip(TOOLS, agent.do("calls", calls=calls), strict=True)
    refused = {name for name, said in answers if said["isError"] and _code(said) == "insufficient-scope"}
    assert set(TOOLS) - refused == listed


def _fitting(name: str, given: dict[str, int]) -> dict[str, int]:
    ids = operations_by_name()[TOOLS[name].operation].ids
    return {each: given[each] for each in ids}


def _code(said: dict[str, dict[str, str]]) -> str:
    return said["structuredContent"]["code"]


def test_the_same_call_is_done_once(owner: Tenant, open_agent: OpenAgent) -> None:
    agent = open_agent(owner)
    wanted = {"mailbox_id": owner.mailbox_id, "domain_id": owner.other_id, "local_part": "once"}
    first, again = agent.call("create_alias", **wanted).data, agent.call("create_alias", **wanted).data
    assert (first["data"], first["replayed"], again["replayed"]) == (again["data"], False, True)
    assert "answered before" in again["notice"]
    other = agent.call("create_alias", **wanted, note="another call")
    assert (other.code, other.problem["next_tool"]) == ("address-taken", "explain_recipient")
    own = agent.call("create_alias", **wanted, idempotency_key="mine")
    assert own.code == "address-taken"
    owner.client.delete(f"/mailboxes/{owner.mailbox_id}/aliases/{first['data']['id']}")
    anew = agent.call("create_alias", **wanted).data
    assert (anew["replayed"], anew["data"]["id"] == first["data"]["id"]) == (False, False)
    toggled = {"mailbox_id": owner.mailbox_id, "alias_id": anew["data"]["id"]}
    for value in (False, True, False):  # the third is the same call as the first, and not the same wish
        changed = agent.call("update_alias", **toggled, is_active=value).data
        assert (changed["data"]["is_active"], changed["replayed"]) == (value, False)


@pytest.mark.parametrize("has_own_keys", [False, True])
def test_twenty_at_once(owner: Tenant, open_agent: OpenAgent, has_own_keys: bool) -> None:
    wanted = {"mailbox_id": owner.mailbox_id, "domain_id": owner.other_id, "local_part": "wanted"}
    keys = [{"idempotency_key": f"key-{number}"} if has_own_keys else {} for number in range(20)]
    answers = open_agent(owner).do("calls", calls=[["create_alias", {**wanted, **key}] for key in keys])
    codes = [_code(said) if said["isError"] else "" for said in answers]
    made = owner.client.get(f"/mailboxes/{owner.mailbox_id}/aliases").json()["data"]
    assert [alias["local_part"] for alias in made] == ["wanted"]
    if has_own_keys:
        assert sorted(codes) == ["", *["address-taken"] * 19]
    else:
        assert set(codes) == {""}
        assert sorted(said["structuredContent"]["replayed"] for said in answers) == [False, *[True] * 19]


def test_a_generated_password_is_shown_once(owner: Tenant, open_agent: OpenAgent) -> None:
    agent = open_agent(owner)
    wanted = {"domain_id": owner.domain_id, "local_part": "mary", "password_mode": "generated_one_time"}
    first, again = agent.call("create_mailbox", **wanted).data, agent.call("create_mailbox", **wanted).data
    assert first["data"]["password"]
    assert (again["data"]["password"], again["replayed"]) == (None, True)
    with agent_rows(owner) as keys:
        assert first["data"]["password"] not in keys


class agent_rows:  # noqa: N801 - a context manager
    """The kept idempotency keys as text."""

    def __init__(self, owner: Tenant) -> None:
        self._owner = owner

    def __enter__(self) -> str:
        from sqlalchemy import select

        from store.sql.tables import IdempotencyKeyRow

        with self._owner.api.database.read() as tx:
            rows = tx.execute(select(IdempotencyKeyRow.key, IdempotencyKeyRow.fingerprint, IdempotencyKeyRow.body))
            return str(rows.all())

    def __exit__(self, *_: object) -> None:
        return None


def test_pages_that_cannot_be_missed(owner: Tenant, open_agent: OpenAgent) -> None:
    agent = open_agent(owner)
    for name in ("anna", "bert", "carl", "dora"):
        body = {"domain_id": owner.domain_id, "local_part": name, "password_mode": "generated_one_time"}
        assert owner.client.post("/mailboxes", json=body).status_code == 201
    found, page = list[str](), 1
    while page is not None:
        shown = agent.call("list_mailboxes", per_page=2, page=page)
        found += [mailbox["local_part"] for mailbox in shown.data["data"]]
        more = 5 - len(found)
        assert shown.text.splitlines()[0].startswith(
            f"INCOMPLETE: page {page} of 3; {more} more of 5. Call list_mailboxes with page={page + 1}."
            if more
            else "All shown: page 3 of 3, 5 in all."
        )
        page = shown.data["next_page"]
    assert found == ["anna", "bert", "carl", "dora", "john"]


# what is asked wrongly: the refusal's code, its pointers, and the tool to call next
WRONG = {
    "no such argument": ("list_domains", {"page_size": 3}, "invalid-request", ["/page_size"], "list_domains"),
    "no id": ("get_mailbox", {}, "invalid-request", ["/mailbox_id"], "get_mailbox"),
    "not an id": ("get_mailbox", {"mailbox_id": "../1"}, "invalid-request", ["/mailbox_id"], "get_mailbox"),
    "not there": ("get_mailbox", {"mailbox_id": 999_999}, "not-found", [], "list_mailboxes"),
    "a bad page": ("list_domains", {"page": 0}, "invalid-request", ["/page"], "list_domains"),
    "a bad name": (
        "create_alias", {"mailbox_id": "M", "domain_id": "D", "local_part": "Sales"},
        "invalid-local-part", ["/local_part"], "create_alias",
    ),
    "a reserved name": (
        "create_alias", {"mailbox_id": "M", "domain_id": "D", "local_part": "postmaster"},
        "address-reserved", ["/local_part"], "create_alias",
    ),
    "a foreign domain": (
        "create_alias", {"mailbox_id": "M", "domain_id": 999_999, "local_part": "x"},
        "domain-not-yours", ["/domain_id"], "list_domains",
    ),
    "renaming": (
        "update_alias", {"mailbox_id": "M", "alias_id": "A", "local_part": "x"},
        "alias-not-renamable", ["/local_part"], "create_alias",
    ),
    "an unknown destination": (
        "update_catch_all", {"domain_id": "D", "destination": "nobody@outside.example"},
        "destination-not-a-mailbox", ["/destination"], "list_mailboxes",
    ),
    "no rule": ("get_rule", {"mailbox_id": "M", "rule_id": 999_999}, "not-found", [], "list_rules"),
    "an old order": (
        "reorder_rules", {"mailbox_id": "M", "rule_ids": [999_999]}, "conflict", ["/rule_ids"], "list_rules",
    ),
    "a domain with names": (
        "delete_domain", {"domain_id": "D", "confirm_address": "NAME"}, "domain-not-empty", [], "delete_domain",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_refusals(owner: Tenant, open_agent: OpenAgent, case: str) -> None:
    tool, arguments, code, pointers, after = WRONG[case]
    assert isinstance(arguments, dict)
    alias = owner.added("sales")
    known = {"M": owner.mailbox_id, "D": owner.other_id, "A": alias, "NAME": owner.other}
    refused = open_agent(owner).call(tool, **{name: known.get(str(value), value) for name, value in arguments.items()})
    assert refused.code == code, refused.text
    assert [one["pointer"] for one in refused.problem["errors"]] == pointers
    assert refused.problem["next_tool"] == after
    assert refused.text.splitlines()[0].startswith(f"{code}: ")
    assert refused.text.splitlines()[-1] == f"next: {after}"
    assert "X-Confirm-Delete" not in refused.text


def test_lists_sent_as_text(owner: Tenant, open_agent: OpenAgent) -> None:
    """Some clients send a list as JSON within a text."""
    items = [{"op": "create", "mailbox_id": owner.mailbox_id, "domain_id": owner.other_id, "local_part": "quoted"}]
    done = open_agent(owner, mode=MODERN).call("bulk_aliases", items=json.dumps(items)).data
    assert done["data"]["results"][0]["alias"]["address"] == f"quoted@{owner.other}"


def test_every_answer_fits_its_schema(owner: Tenant, open_agent: OpenAgent) -> None:
    """The SDK's client holds each answer against the schema of its tool, and fails if it does not fit."""
    agent = open_agent(owner)
    alias = owner.added("sales", note="for the shop")
    ids = {"mailbox_id": owner.mailbox_id, "alias_id": alias, "domain_id": owner.other_id}
    check = agent.call("recheck_dns", domain_id=owner.other_id).data["data"]["id"]
    flagged = {"name": "x", "conditions": [{"field": "size", "operator": "over", "value": "1"}], "actions": [FLAG]}
    ids["rule_id"] = agent.call("create_rule", mailbox_id=owner.mailbox_id, **flagged).data["data"]["id"]
    for tool in TOOLS.values():
        if tool.effect == "reads" and tool.name in agent.tools():
            operation = operations_by_name()[tool.operation]
            given = {name: {**ids, "check_id": check}[name] for name in operation.ids}
            asked = {"address": owner.mailbox, "login": owner.mailbox, "from": owner.mailbox, "mailbox": owner.mailbox}
            given |= {name: value for name, value in asked.items() if name in operation.query}
            given |= {"message": "Subject: x\n\nx\n"} if tool.name == "test_rules" else {}
            assert "data" in agent.call(tool.name, **given).data, tool.name
