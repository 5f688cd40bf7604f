"""The calls that the public MCP adapter of the specification's product makes, against Byname's REST API as it is.

The table is written from its published tools (github.com/trekmail/mcp-server, README and tool descriptions, 2026): for
each tool that Byname has a part for, the request that its client sends. Every request bears the headers that the client
sends; a change of its kind a key of the form ``mcp_TOOL_HASH``. Left out is what Byname has no part for (forwarding,
invites, Drive, tickets, reading mail ...), and message tokens, which Byname makes at ``/tokens``.
"""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.api.running_api import RunningApi
from tests.api.tenants import Tenant, secret_of, tenant


@dataclass(frozen=True)
class Call:
    """One tool's request. Words in upper case stand for ids, addresses and names of the test's account."""

    tool: str
    method: str
    path: str
    body: Any = None
    status: int = 200
    has_key: bool = False
    confirms: bool = False
    keeps: str = ""  # the word by which later calls name the id that this one answers


OPS = (
    Call("whoami", "GET", "/me"),
    Call("get_account", "GET", "/account"),
    Call("list_domains", "GET", "/domains?status=active&search=brand&page=1&per_page=100"),
    Call("create_domain", "POST", "/domains", {"name": "FRESH"}, 201, has_key=True, keeps="NEW_DOMAIN"),
    Call("get_domain", "GET", "/domains/DOMAIN"),
    Call("get_dns_requirements", "GET", "/domains/NEW_DOMAIN/dns-requirements"),
    Call("dns_recheck", "POST", "/domains/NEW_DOMAIN/dns-recheck", None, 202, has_key=True, keeps="CHECK"),
    Call("get_dns_check", "GET", "/dns-checks/CHECK"),
    Call("update_domain_catch_all", "PATCH", "/domains/DOMAIN/catch-all", {"enabled": True, "destination": "JOHN"}),
    Call("update_domain_catch_all", "PATCH", "/domains/DOMAIN/catch-all", {"enabled": False}),
    Call("list_mailboxes", "GET", "/mailboxes?domain_id=DOMAIN&search=john&page=1&per_page=25"),
    Call(
        "create_mailbox_generated_password", "POST", "/mailboxes",
        {"domain_id": "DOMAIN", "local_part": "mary", "display_name": "Mary", "password_mode": "generated_one_time"},
        201, has_key=True, keeps="MARY",
    ),
    Call("get_mailbox", "GET", "/mailboxes/MARY"),
    Call("update_mailbox", "PATCH", "/mailboxes/MARY", {"display_name": None}, has_key=True),
    Call("change_mailbox_password", "POST", "/mailboxes/MARY/password", {"password": "Correct horse 9"}, has_key=True),
    Call(
        "create_alias", "POST", "/mailboxes/MARY/aliases",
        {"local_part": "sales", "domain_id": "OTHER", "can_receive": True, "can_send": False},
        201, has_key=True, keeps="ALIAS",
    ),
    Call("list_aliases", "GET", "/mailboxes/MARY/aliases"),
    Call("update_alias", "PATCH", "/mailboxes/MARY/aliases/ALIAS", {"can_send": True, "is_active": True}),
    Call("pause_mailbox", "POST", "/mailboxes/MARY:pause", None, has_key=True),
    Call("resume_mailbox", "POST", "/mailboxes/MARY:resume", None, has_key=True),
    Call("delete_alias", "DELETE", "/mailboxes/MARY/aliases/ALIAS", None, 204, has_key=True),
    Call("create_delete_intent", "POST", "/mailboxes/MARY:delete-intent", None, 201, has_key=True, keeps="INTENT"),
    Call("confirm_delete_intent", "POST", "/delete-intents/INTENT:confirm", None, 204, has_key=True, confirms=True),
    Call("delete_domain", "DELETE", "/domains/NEW_DOMAIN", None, 204, has_key=True),
)  # fmt: skip
BILLS = {
    "match_type": "all",
    "conditions": [{"field": "from", "operator": "contains", "value": "billing"},
                   {"field": "header", "operator": "is", "value": "news", "header_name": "List-Id"}],
    "actions": [{"type": "fileinto", "value": "Bills"}, {"type": "addflag", "value": "\\Seen"},
                {"type": "addflag", "value": "\\Flagged"}],
    "stop": True,
    "enabled": True,
}  # fmt: skip
LARGE = {"name": "Large", "match_type": "any", "conditions": [{"field": "size", "operator": "over", "value": "5M"}]}
ON = {"type": "redirect", "value": "JANE"}
RULES = (
    Call("create_rule", "POST", "/mailboxes/JOHN_ID/rules", BILLS, 201, has_key=True, keeps="RULE"),
    Call(
        "create_rule_2", "POST", "/mailboxes/JOHN_ID/rules",
        {**LARGE, "actions": [{"type": "redirect_copy", "value": "JANE"}], "stop": False, "enabled": True},
        201, has_key=True, keeps="SECOND",
    ),
    Call("list_rules", "GET", "/mailboxes/JOHN_ID/rules"),
    Call("reorder_rules", "PATCH", "/mailboxes/JOHN_ID/rules/reorder", {"order": ["SECOND", "RULE"]}, has_key=True),
    Call(
        "update_rule", "PUT", "/mailboxes/JOHN_ID/rules/RULE",
        {"match_type": "any", "conditions": LARGE["conditions"], "actions": [ON]}, has_key=True,
    ),
    Call("get_rule", "GET", "/mailboxes/JOHN_ID/rules/RULE"),
    Call("delete_rule", "DELETE", "/mailboxes/JOHN_ID/rules/SECOND", None, 204, has_key=True),
)  # fmt: skip
# what Byname's rules do not have: where it stood, and what is said to be there instead
ABSENT = {
    "body": ({"conditions": [{"field": "body", "operator": "contains", "value": "x"}]}, "/conditions/0", "subject"),
    "exists": ({"conditions": [{"field": "header", "operator": "exists", "header_name": "List-Id"}]},
               "/conditions/0", "matches with the value *"),
    "reject": ({"actions": [{"type": "reject", "value": "no"}]}, "/actions/0", "discard, or disable the alias"),
}  # fmt: skip
MESSAGES = (
    Call("capabilities", "GET", "/messages/_me"),
    Call("list_identities", "GET", "/messages/identities"),
    Call(
        "send_message", "POST", "/messages/send",
        {"to": ["ann@outside.example"], "subject": "Hello", "body": {"text": "Hello\n", "html": None},
         "cc": ["bob@outside.example"], "reply_to_message_id": "<abc@outside.example>", "headers": {"X-Campaign": "7"}},
        202, has_key=True,
    ),
)  # fmt: skip


class Adapter:
    """The adapter's client, with one token."""

    def __init__(self, api: RunningApi, token: str, words: dict[str, Any]) -> None:
        self.http = api.client(token, **{"User-Agent": "trekmail-mcp/1.1.0", "Accept": "application/json"})
        self.words = words

    def make(self, call: Call) -> httpx.Response:
        """Make a call; the answer to a key that was used before is the same."""
        headers = {"X-Request-Id": str(uuid.uuid4())}
        headers |= {"Idempotency-Key": f"mcp_{call.tool}_0f8fad5bd9cb469fa16570867728950e"} if call.has_key else {}
        headers |= {"X-Confirm-Delete": "true"} if call.confirms else {}
        path = call.path
        for word in sorted(self.words, key=len, reverse=True):
            path = path.replace(word, str(self.words[word]))
        body = {} if call.body is None else {"json": self._meant(call.body)}
        answer = self.http.request(call.method, path, headers=headers, **body)
        assert answer.status_code == call.status, (call.tool, answer.text)
        assert answer.headers["X-Request-Id"] == headers["X-Request-Id"]
        if call.keeps:
            self.words[call.keeps] = answer.json()["data"]["id"]
        return answer

    def _meant(self, body: Any) -> Any:
        if isinstance(body, dict):
            return {name: self._meant(value) for name, value in body.items()}
        if isinstance(body, list):
            return [self._meant(value) for value in body]
        return self.words.get(body, body) if isinstance(body, str) else body


@pytest.fixture
def owner(api: RunningApi) -> Tenant:
    return tenant(api, "agency")


def test_an_ops_token(api: RunningApi, owner: Tenant) -> None:
    words = {"DOMAIN": owner.domain_id, "OTHER": owner.other_id, "JOHN": owner.mailbox, "FRESH": f"c-{owner.domain}"}
    adapter = Adapter(api, secret_of(api.database, account=owner.id), words)
    answers = {call.tool: adapter.make(call) for call in OPS}
    assert {"domains:write", "mailboxes:write"} <= set(answers["whoami"].json()["capabilities"]["effective_scopes"])
    assert answers["list_aliases"].json()["usage"] == {"used": 1, "limit": 100}
    assert answers["create_mailbox_generated_password"].json()["data"]["password"]


def test_filter_rules(api: RunningApi, owner: Tenant) -> None:
    jane = {"domain_id": owner.domain_id, "local_part": "jane", "password_mode": "generated_one_time"}
    owner.client.post("/mailboxes", json=jane)
    words = {"JOHN_ID": owner.mailbox_id, "JANE": f"jane@{owner.domain}"}
    adapter = Adapter(api, secret_of(api.database, account=owner.id), words)
    called = {call.tool: adapter.make(call) for call in RULES}
    answers = {tool: answer.json() for tool, answer in called.items() if answer.content}
    made, forwards = answers["create_rule"]["data"], {"type": "forward", "value": f"jane@{owner.domain}"}
    assert (made["name"], made["stop"], made["actions"]) == (
        "Rule", True,
        [{"type": "move", "value": "Bills"}, {"type": "mark", "value": "read"}, {"type": "flag", "value": None}],
    )  # fmt: skip
    assert answers["create_rule_2"]["data"]["actions"] == [forwards]
    assert [one["name"] for one in answers["reorder_rules"]["data"]] == ["Large", "Rule"]
    replaced = answers["get_rule"]["data"]
    assert replaced == answers["update_rule"]["data"]
    assert (replaced["name"], replaced["stop"], replaced["match_type"]) == ("Rule", True, "any")
    assert replaced["actions"] == [forwards, {"type": "discard", "value": None}]
    old = adapter.http.patch(f"/mailboxes/{owner.mailbox_id}/rules/reorder", json={"order": [999_999]}).json()
    assert (old["code"], [one["pointer"] for one in old["errors"]]) == ("conflict", ["/order"])


@pytest.mark.parametrize("absent", ABSENT)
def test_what_filter_rules_do_not_have(api: RunningApi, owner: Tenant, absent: str) -> None:
    part, pointer, instead = ABSENT[absent]
    refused = owner.client.post(f"/mailboxes/{owner.mailbox_id}/rules", json={**BILLS, **part})
    assert refused.status_code == 422
    (flaw,) = refused.json()["errors"]
    assert flaw["pointer"] == pointer
    assert f"there is no {absent}: " in flaw["detail"]
    assert instead in flaw["detail"]


def test_a_message_token(api: RunningApi, owner: Tenant) -> None:
    adapter = Adapter(api, secret_of(api.database, mailbox=owner.mailbox_id), {})
    answers = [adapter.make(call).json() for call in MESSAGES]
    assert {"messages:send", "rules:write"} <= set(answers[0]["capabilities"]["effective_scopes"])
    assert answers[2]["data"]["recipients"] == ["ann@outside.example", "bob@outside.example"]


def test_what_its_errors_are_made_of(api: RunningApi, owner: Tenant) -> None:
    """It reads these members of a refusal, at the top level where there is no ``error``."""
    adapter = Adapter(api, secret_of(api.database, account=owner.id), {})
    problem = adapter.http.get("/mailboxes/999999").json()
    assert {"code", "message", "hint", "request_id", "retryable"} <= set(problem)
    assert (problem["code"], problem["retryable"]) == ("not-found", False)
