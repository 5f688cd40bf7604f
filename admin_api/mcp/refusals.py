"""Refusals as an agent reads them: the code, what to do about it, and the tool to call next."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mcp_types import CallToolResult, TextContent

from admin_api.http.operations import Operation
from admin_api.mcp.asking import Holder, Refused
from admin_api.mcp.tools import TOOLS, Tool, may_use

_SAME = "the same"

# code: the tool that helps, "the same" for this one again with other arguments or later, or none; and a hint where that
# of REST speaks of HTTP, or of a person's work
_NEXT: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "unauthenticated": ("", "the token is unknown, deleted or expired: a person has to give you another"),
        "insufficient-scope": ("get_me", "this token may not do that: tell the person, do not look for a way around"),
        "account-suspended": ("get_account", None),
        "sender-not-owned": ("list_identities", "send as one of the addresses that list_identities shows"),
        "sender-disabled": ("list_identities", None),
        "cannot-send-as": ("list_identities", None),
        "domain-not-yours": ("list_domains", None),
        "conflict": ("", None),
        "address-taken": ("explain_recipient", None),
        "address-kept": (_SAME, "choose another name; whether it is to be freed (free_kept_name) a person decides"),
        "address-reserved": (_SAME, None),
        "domain-taken": ("list_domains", None),
        "domain-not-active": ("get_dns_requirements", None),
        "domain-not-empty": (_SAME, "ask the person; then call again with delete_contents=true"),
        "confirmation-required": (_SAME, None),
        "request-in-progress": (_SAME, None),
        "invalid-request": (_SAME, None),
        "invalid-local-part": (_SAME, None),
        "invalid-domain": (_SAME, None),
        "alias-not-renamable": ("create_alias", "make the new name with create_alias, then delete_alias the old one"),
        "alias-limit-reached": ("get_account", None),
        "trial-limit-reached": ("get_account", None),
        "feature-not-available": ("get_account", None),
        "destination-not-a-mailbox": ("list_mailboxes", None),
        "idempotency-key-reused": (_SAME, "leave idempotency_key out, or give another"),
        "rate-limited": (_SAME, None),
        "unavailable": (_SAME, None),
        "payload-too-large": (_SAME, None),
    }
)
# the last id of a path: where ids of that kind are found
_WHERE = (
    ("rule_id", "list_rules"),
    ("alias_id", "list_aliases"),
    ("mailbox_id", "list_mailboxes"),
    ("domain_id", "list_domains"),
    ("check_id", "recheck_dns"),
    ("token_id", "list_tokens"),
)


def refusal(
    refused: Refused, tool: Tool | None, holder: Holder | None, operations: Mapping[str, Operation]
) -> CallToolResult:
    """Return a refusal as the result of a tool."""
    problem = dict(refused.problem)
    code = problem["code"]
    after, hint = _NEXT.get(code, ("", None))
    if code == "not-found" and tool is not None:
        after = next((name for part, name in _WHERE if part in operations[tool.operation].ids), "")
    if code == "conflict" and tool is not None and tool.name.endswith(("_rule", "_rules")):
        after = "list_rules"
    if after == _SAME:
        after = "" if tool is None else tool.name
    problem |= {
        "hint": hint or problem["hint"],
        "next_tool": after if _is_usable(after, holder, operations) else None,
        "errors": [{**one, "pointer": one["pointer"].removeprefix("/query")} for one in problem["errors"]],
    }
    return CallToolResult(content=[TextContent(text=_text(problem))], structured_content=problem, is_error=True)


def _is_usable(name: str, holder: Holder | None, operations: Mapping[str, Operation]) -> bool:
    tool = TOOLS.get(name)
    if tool is None or holder is None:
        return False
    return may_use(operations[tool.operation], holder.kind, holder.scopes)


def _text(problem: Mapping[str, Any]) -> str:
    lines = [f"{problem['code']}: {problem['message']}"]
    lines += [f"argument {one['pointer'] or '/'}: {one['detail']}" for one in problem["errors"]]
    if problem["hint"]:
        lines.append(f"hint: {problem['hint']}")
    if "retry_after" in problem:
        lines.append(f"try again in {problem['retry_after']} s")
    if problem["next_tool"]:
        lines.append(f"next: {problem['next_tool']}")
    return "\n".join(lines)
