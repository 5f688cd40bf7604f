"""What an agent must not be able to do: act without a person, unasked twice, as another, or from a foreign page."""

from typing import Any

import httpx
import pytest

from admin_api.http.rate_limit import RateLimit
from tests.api.mcp.agents import HANDSHAKE, HTTP, MODERN, STDIO, Agent, AgentProcess
from tests.api.mcp.conftest import OpenAgent, serving
from tests.api.running_api import RunningApi
from tests.api.tenants import Tenant, secret_of

_LIST: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


def post(api: RunningApi, token: str | None, **headers: str) -> httpx.Response:
    """Ask for the tools as a client of the older mode does, with headers of one's own."""
    shown = {"Accept": "application/json, text/event-stream", **headers}
    if token is not None:
        shown["Authorization"] = f"Bearer {token}"
    return httpx.post(f"{api.url}/mcp", json=_LIST, headers=shown, timeout=30)


def call(api: RunningApi, token: str, tool: str, **headers: str) -> httpx.Response:
    """Call a tool without arguments, as a client of the older mode does."""
    asked = {**_LIST, "method": "tools/call", "params": {"name": tool, "arguments": {}}}
    shown = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {token}", **headers}
    return httpx.post(f"{api.url}/mcp", json=asked, headers=shown, timeout=30)


def deleted_and_kept(owner: Tenant) -> int:
    """Have the account keep a deleted name, and return its id."""
    owner.client.patch("/account", json={"keep_deleted_days": 30})
    owner.client.delete(f"/mailboxes/{owner.mailbox_id}/aliases/{owner.added('once')}")
    return int(owner.client.get("/kept-names").json()["data"][0]["id"])


def is_there(owner: Tenant, alias: int) -> bool:
    return owner.client.get(f"/mailboxes/{owner.mailbox_id}/aliases/{alias}").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "names.example"}, 200),
        ({"Origin": "https://names.example"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "names.example.evil.example"}, 421),
        ({"Host": "names.example:8080"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://names.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_hosts_and_origins(tools_api: RunningApi, owner: Tenant, headers: dict[str, str], status: int) -> None:
    token = secret_of(tools_api.database, account=owner.id)
    for version in ("2025-11-25", "2026-07-28"):
        answer = post(tools_api, token, **headers, **{"MCP-Protocol-Version": version})
        refused = answer.status_code in {403, 421}
        assert refused == (status != 200), answer.text
        assert not refused or answer.status_code == status


def test_no_token_no_word(tools_api: RunningApi, owner: Tenant) -> None:
    for token in (None, "bn_ops_wrong"):
        answer = post(tools_api, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    streaming = httpx.get(f"{tools_api.url}/mcp", headers={"Accept": "text/event-stream"})
    assert (streaming.status_code, streaming.headers["Allow"]) == (405, "POST")
    large = httpx.post(
        f"{tools_api.url}/mcp",
        content=b" " * 1_000_001,
        headers={
            "Authorization": f"Bearer {secret_of(tools_api.database, account=owner.id)}",
            "Content-Type": "application/json",
        },
    )
    assert large.status_code == 413


def test_an_operator_names_an_account(tools_api: RunningApi, owner: Tenant) -> None:
    token = secret_of(tools_api.database)
    found = call(tools_api, token, "get_account", **{"X-Byname-Account": str(owner.id)}).json()["result"]
    assert found["structuredContent"]["data"]["id"] == owner.id
    unnamed = call(tools_api, token, "get_account").json()["result"]["structuredContent"]
    assert unnamed["code"] == "invalid-request"
    assert call(tools_api, token, "get_account", **{"X-Byname-Account": "999999"}).status_code == 404


def test_the_rate_of_a_token(tools_api: RunningApi, owner: Tenant) -> None:
    """A call counts twice: as a request to ``/mcp``, and as the request of REST that it comes to."""
    token = secret_of(tools_api.database, account=owner.id)
    slow = serving(tools_api.database, RateLimit(1, 3, clock=lambda: 0.0))
    try:
        assert call(slow, token, "get_me").json()["result"]["isError"] is False
        refused = call(slow, token, "get_me").json()["result"]["structuredContent"]
        assert (refused["code"], refused["retry_after"], refused["next_tool"]) == ("rate-limited", 1, "get_me")
        last = call(slow, token, "get_me")
        assert (last.status_code, last.headers["Retry-After"], last.json()["code"]) == (429, "1", "rate-limited")
    finally:
        slow.close()


@pytest.mark.parametrize(
    ("transport", "mode", "answers"),
    [(HTTP, MODERN, "decline"), (HTTP, MODERN, "cancel"), (STDIO, HANDSHAKE, "decline")],
)
def test_a_person_says_no(owner: Tenant, open_agent: OpenAgent, transport: str, mode: str, answers: str) -> None:
    agent = open_agent(owner, transport=transport, mode=mode, answers=answers)
    alias = owner.added("kept")
    for more in ({}, {"confirm_address": f"kept@{owner.other}"}):  # who can be asked is asked, whatever the agent says
        refused = agent.call("delete_alias", mailbox_id=owner.mailbox_id, alias_id=alias, **more)
        assert (refused.code, len(refused.asked), is_there(owner, alias)) == ("confirmation-required", 1, True)
        assert "did not agree" in refused.problem["message"]


# tool: its arguments, by the names of ids; all that is lost, leaves or gives access
ASKING: dict[str, dict[str, object]] = {
    "delete_alias": {"mailbox_id": "mailbox_id", "alias_id": "alias_id"},
    "free_kept_name": {"kept_name_id": "kept_name_id"},
    "delete_domain": {"domain_id": "other_id", "delete_contents": True},
    "delete_mailbox": {"mailbox_id": "mailbox_id"},
    "set_mailbox_password": {"mailbox_id": "mailbox_id", "password": "correct horse battery"},
    "create_token": {"name": "second", "scopes": ["aliases:read"]},
    "delete_token": {"token_id": "token_id"},
}


@pytest.mark.parametrize("tool", ASKING)
def test_without_a_person_nothing_is_lost(owner: Tenant, open_agent: OpenAgent, tool: str) -> None:
    agent = open_agent(owner)
    alias = owner.added("kept")
    spare = owner.client.post("/tokens", json={"name": "spare"}).json()["data"]
    ids = {"mailbox_id": owner.mailbox_id, "alias_id": alias, "other_id": owner.other_id, "token_id": spare["id"]}
    ids["kept_name_id"] = deleted_and_kept(owner)
    given = {name: ids.get(str(value), value) for name, value in ASKING[tool].items()}
    paths = ("/domains", "/mailboxes", "/tokens", "/kept-names")
    before = [owner.client.get(path).json() for path in paths]
    refused = agent.call(tool, **given)
    assert refused.code == "confirmation-required"
    assert refused.problem["next_tool"] == tool
    about = refused.problem["confirm_address"]
    assert about in refused.problem["message"]
    assert agent.call(tool, **given, confirm_address="somebody@else.test").code == "confirmation-required"
    assert is_there(owner, alias)
    seen = [owner.client.get(path).json() for path in paths]
    for one in (*before[2]["data"], *seen[2]["data"]):
        one.pop("last_used_at")
    assert seen == before
    assert agent.call(tool, **given, confirm_address=about).code == ""


def test_a_mailbox_is_asked_about_with_what_goes_with_it(owner: Tenant, open_agent: OpenAgent) -> None:
    owner.added("sales")
    agent = open_agent(owner, answers="accept")
    deleted = agent.call("delete_mailbox", mailbox_id=owner.mailbox_id)
    assert deleted.data["notice"] == "Done."
    (question,) = deleted.asked
    assert f"Delete the mailbox {owner.mailbox} and its aliases sales@{owner.other} for good?" in question
    assert owner.client.get(f"/mailboxes/{owner.mailbox_id}").status_code == 404


def test_bulk_asks_about_what_it_deletes_only(owner: Tenant, open_agent: OpenAgent) -> None:
    agent = open_agent(owner, answers="decline")
    alias = owner.added("gone")
    gone = {"op": "delete", "mailbox_id": owner.mailbox_id, "alias_id": alias}
    made = {"op": "create", "mailbox_id": owner.mailbox_id, "domain_id": owner.other_id, "local_part": "made"}
    assert agent.call("bulk_aliases", items=[made]).data["data"]["results"][0]["status"] == "created"
    assert agent.call("bulk_aliases", items=[gone], dry_run=True).asked == []
    unknown = agent.call("bulk_aliases", items=[gone, gone | {"alias_id": 999_999}])
    assert (unknown.code, unknown.asked) == ("not-found", [])
    refused = agent.call("bulk_aliases", items=[gone | {"mailbox_id": float(owner.mailbox_id)}])
    assert refused.asked == [f"Delete 1 aliases for good: gone@{owner.other}? Their mail will not arrive."]
    assert (refused.code, is_there(owner, alias)) == ("confirmation-required", True)


def test_what_a_mail_would_say_is_shown(tools_api: RunningApi, process: AgentProcess, owner: Tenant) -> None:
    secret = secret_of(tools_api.database, mailbox=owner.mailbox_id)
    mail = {"to": ["Ann <ann@outside.example>"], "subject": "Hello\nBcc: x", "body": {"text": "Bye"}}
    agent = Agent(process, tools_api.url, secret, answers="decline")
    refused = agent.call("send_message", **mail, bcc=["carl@outside.example"])
    assert refused.asked == [
        "Send this mail?\nFrom: the mailbox itself\nTo: Ann <ann@outside.example>\nBcc: carl@outside.example\n"
        "Subject: Hello Bcc: x\nText: Bye"
    ]
    silent = Agent(process, tools_api.url, secret)
    mail["subject"] = "Hello"
    told = silent.call("send_message", **mail).problem["confirm_address"]
    sent = silent.call("send_message", **mail, confirm_address=told).data
    assert sent["data"]["recipients"] == ["ann@outside.example"]
    again = silent.call("send_message", **mail, confirm_address=told).data
    assert (again["data"]["id"], again["replayed"]) == (sent["data"]["id"], True)
    assert silent.call("get_message", message_id=sent["data"]["id"]).data["data"]["status"] == "accepted"


def test_rules_by_which_mail_leaves_are_shown(owner: Tenant, open_agent: OpenAgent) -> None:
    agent, silent = open_agent(owner, answers="accept"), open_agent(owner)
    bob = {"type": "forward", "value": f"bob@{owner.domain}"}
    owner.client.post("/mailboxes", json={"domain_id": owner.domain_id, "local_part": "bob", "password": "x" * 10})
    given: dict[str, Any] = {
        "mailbox_id": owner.mailbox_id,
        "name": "Orders",
        "conditions": [{"field": "subject", "operator": "contains", "value": "order\u2029Yes: agreed"}],
    }
    shown = f"Have this rule for the mail of {owner.mailbox}?\nName: Orders\nMail: subject contains order"
    refused = silent.call("create_rule", **given, actions=[bob])
    assert (refused.code, refused.problem["confirm_address"]) == ("confirmation-required", "Orders")
    assert refused.problem["message"] == f"{shown} Yes: agreed\nDoes: forward bob@{owner.domain}"
    given["conditions"][0]["value"] = "order"
    made = agent.call("create_rule", **given, actions=[{"type": "flag"}])
    assert made.asked == []
    rule = {"mailbox_id": owner.mailbox_id, "rule_id": made.data["data"]["id"]}
    assert agent.call("update_rule", **rule, actions=[bob, {"type": "discard"}]).asked == [
        f"{shown}\nDoes: forward bob@{owner.domain}, discard"
    ]
    assert agent.call("update_rule", **rule, enabled=False).asked == []
    assert silent.call("update_rule", **rule, enabled=True).code == "confirmation-required"
    deleted = agent.call("delete_rule", **rule)
    assert deleted.asked == [f"Delete the rule Orders of {owner.mailbox} for good?"]
    assert agent.call("get_rule", **rule).code == "not-found"


def test_a_token_of_a_mailbox_has_its_rules_only(tools_api: RunningApi, process: AgentProcess, owner: Tenant) -> None:
    secret = secret_of(tools_api.database, mailbox=owner.mailbox_id)
    agent = Agent(process, tools_api.url, secret, answers="decline")
    large = [{"field": "size", "operator": "over", "value": "5M"}]
    given = {"name": "Large", "conditions": large, "actions": [{"type": "discard"}]}
    refused = agent.call("create_rule", mailbox_id=owner.mailbox_id, **given)
    assert refused.asked == [
        f"Have this rule for the mail of mailbox {owner.mailbox_id}?\nName: Large\nMail: size over 5M\nDoes: discard"
    ]
    assert owner.client.get(f"/mailboxes/{owner.mailbox_id}/rules").json()["data"] == []
    assert agent.call("list_rules", mailbox_id=owner.mailbox_id + 1).code == "not-found"
    first, again = (agent.call("take_over_rules", mailbox_id=owner.mailbox_id).data for _ in range(2))
    versions = [one["data"]["wanted_version"] for one in (first, again)]
    assert (versions, again["replayed"]) == ([1, 2], False)  # the mail server may have changed meanwhile


ACCEPTED = {"action": "accept", "content": {"confirm": True}}


class Forged:
    """Answers that a client makes up, or takes from another question."""

    def __init__(self, agent: Agent, owner: Tenant) -> None:
        self.agent, self.owner = agent, owner

    def question(self, alias: int, **more: Any) -> dict[str, Any]:
        arguments = {"mailbox_id": self.owner.mailbox_id, "alias_id": alias}
        found: dict[str, Any] = self.agent.do("raw", name="delete_alias", arguments=arguments, **more)
        return found


def test_answers_that_were_not_asked_for(
    tools_api: RunningApi, process: AgentProcess, owner: Tenant, open_agent: OpenAgent
) -> None:
    alias, other = owner.added("one"), owner.added("two")
    forged = Forged(open_agent(owner, answers="decline"), owner)
    asked = forged.question(alias)
    (key,) = asked["inputRequests"]
    answer = {"input_responses": {key: ACCEPTED}}
    assert forged.question(alias, **answer)["resultType"] == "input_required"  # nobody was asked yet
    stranger = Forged(open_agent(owner, answers="decline"), owner)
    for who, about, state in (
        (forged, other, asked["requestState"]),  # of another question
        (stranger, alias, asked["requestState"]),  # of another token
        (forged, alias, asked["requestState"][:-2] + "AA"),
    ):
        with pytest.raises(Exception, match="requestState"):
            who.question(about, **answer, request_state=state)
    assert is_there(owner, alias)
    assert is_there(owner, other)
    second = serving(tools_api.database)  # any process of the API can take the answer
    try:
        elsewhere = Forged(Agent(process, second.url, forged.agent.token, answers="decline"), owner)
        done = elsewhere.question(alias, **answer, request_state=asked["requestState"])
        assert done["isError"] is False
    finally:
        second.close()
    assert not is_there(owner, alias)
