"""Who is asked before something is lost, leaves or gives access: a person, by the client, in words that are ours.

A client that can ask does (elicitation); ``confirm_address`` counts for those that cannot. What is asked is read from
the API at that moment, so that the person sees the address and not the id that an agent may have mistaken.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mcp.server.elicitation import AcceptedElicitation
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve, build_resolver_plans, resolve_arguments
from mcp_types import InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, Field

from admin_api.http.operations import Operation
from admin_api.mcp import words
from admin_api.mcp.asking import Asked, Asker, Refused, asked_for
from admin_api.mcp.schemas import CONFIRM
from admin_api.mcp.tools import Tool
from routing.filters.model import UNNAMED

_CODE = "confirmation-required"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool, ready to be made."""

    tool: Tool
    arguments: Mapping[str, Any]
    ids: Mapping[str, int]  # of its path
    asked: Asked
    asker: Asker
    operations: Mapping[str, Operation]

    async def looked_up(self, operation: str, **more: Any) -> dict[str, Any]:
        """Return what an operation that reads says about the same ids. Raises Refused, ``not-found`` too."""
        wanted = self.operations[operation]
        return (await self.asker.ask(asked_for(wanted, {name: self.ids[name] for name in wanted.ids}, **more))).document


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked. ``about``: the address or name that ``confirm_address`` must repeat."""

    about: str
    text: str
    instead: Asked | None = None  # the request to make then, where it is another than the call's own


class Agreement(BaseModel):
    """What the person answers."""

    confirm: bool = Field(title="Yes, do it", description="true: do it. false: leave everything as it is.")


Ask = Callable[[Call], Awaitable[Question | None]]


async def confirmed(call: Call, context: Context) -> Asked | InputRequiredResult:
    """Return the request to make once a person agreed, or what the client has to ask first.

    Raises:
        Refused: ``confirmation-required``; and whatever the API refuses of what is asked about.
    """
    ask = QUESTIONS.get(call.tool.name)
    question = None if ask is None else await ask(call)
    if question is None:
        return call.asked
    if _can_ask(context):
        outcome = await _answer(question, context)
        if isinstance(outcome, InputRequiredResult):
            return outcome
        answer = outcome["agreement"]
        if not (isinstance(answer, AcceptedElicitation) and answer.data.confirm):
            hint = "leave it; do not call this again unless the person asks for it"
            raise Refused(_CODE, "the person did not agree: nothing was done", hint)
    elif call.arguments.get(CONFIRM) != question.about:
        hint = f"ask the person in these words; only if they agree, call again with {CONFIRM} = {question.about}"
        raise Refused(_CODE, question.text, hint, confirm_address=question.about)
    return question.instead or call.asked


async def _answer(question: Question, context: Context) -> dict[str, Any] | InputRequiredResult:
    try:
        return await resolve_arguments(_PARAMETER, _PLANS, {"question": question}, context)
    except ToolError:
        raise Refused(_CODE, "the client's answer could not be understood: nothing was done") from None


async def _agreement(question: Question) -> Elicit[Agreement]:
    return Elicit(question.text, Agreement)


_PARAMETER = {"agreement": (Resolve(_agreement), True)}
_PLANS = build_resolver_plans(_PARAMETER, {"question"})


def _can_ask(context: Context) -> bool:
    """Return whether the client can put a form before a person, and its answer can come back to us."""
    capabilities = context.client_capabilities
    offered = None if capabilities is None else capabilities.elicitation
    if offered is None or (offered.form is None and offered.url is not None):
        return False
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS or context.session.can_send_request


async def _ask_alias(call: Call) -> Question:
    address = (await call.looked_up("get_alias"))["data"]["address"]
    return Question(address, f"Delete the alias {address} for good? Mail to it will no longer arrive by it.")


async def _ask_kept_name(call: Call) -> Question:
    page = 1
    while True:
        found = await call.looked_up("list_kept_names", query={"page": str(page), "per_page": "100"})
        address = next((one["address"] for one in found["data"] if one["id"] == call.ids["kept_name_id"]), None)
        if address is not None:
            more = "Any mailbox of the account may take it then, with the mail that is still sent to it."
            return Question(address, f"Free the deleted name {address} before its time? {more}")
        if page * 100 >= found["meta"]["total"]:
            raise Refused("not-found", f"there is no kept name {call.ids['kept_name_id']}")
        page += 1


async def _ask_domain(call: Call) -> Question:
    name = (await call.looked_up("get_domain"))["data"]["name"]
    also = " and every mailbox and alias of it" if call.arguments.get("delete_contents") is True else ""
    return Question(name, f"Delete the domain {name}{also} for good? Mail for it will no longer be taken.")


async def _ask_mailbox(call: Call) -> Question:
    """Ask about a mailbox by an intent to delete it, which says what goes with it; the request then confirms that."""
    intent = (await call.asker.ask(call.asked)).document["data"]
    address = intent["mailbox"]["address"]
    also = f" and its aliases {words.listed(intent['aliases'])}" if intent["aliases"] else ", which has no aliases,"
    confirm = asked_for(
        call.operations[call.tool.answered_by], {"intent_id": intent["id"]}, headers={"X-Confirm-Delete": "true"}
    )
    return Question(address, f"Delete the mailbox {address}{also} for good? Its mail can be reached no more.", confirm)


async def _ask_password(call: Call) -> Question:
    address = (await call.looked_up("get_mailbox"))["data"]["address"]
    return Question(address, f"Set another password for {address}? Who uses the one before is locked out.")


async def _ask_bulk(call: Call) -> Question | None:
    """Ask about the aliases that one call deletes; it need not delete any."""
    body = call.asked.body or {}
    items = body.get("items")
    deleted = [one for one in items if _deletes(one)] if isinstance(items, list) else []
    if not deleted or body.get("dry_run") is True:
        return None
    wanted = [(_number(one.get("mailbox_id")), _number(one.get("alias_id"))) for one in deleted]
    known = {mailbox: await _aliases(call, mailbox) for mailbox in dict.fromkeys(mailbox for mailbox, _ in wanted)}
    names = []
    for mailbox, alias in wanted:
        if alias not in known[mailbox]:  # a person is asked about what can be named, and nothing else
            raise Refused("not-found", f"mailbox {mailbox} has no alias {alias}: nothing was done")
        names.append(known[mailbox][alias])
    return Question(
        names[0], f"Delete {len(names)} aliases for good: {words.listed(names)}? Their mail will not arrive."
    )


async def _aliases(call: Call, mailbox: int) -> dict[int, str]:
    """Return the addresses of a mailbox's aliases, by id."""
    found = await call.asker.ask(asked_for(call.operations["list_aliases"], {"mailbox_id": mailbox}))
    return {alias["id"]: alias["address"] for alias in found.document["data"]}


def _deletes(item: object) -> bool:
    return isinstance(item, dict) and item.get("op") == "delete"


def _number(value: object) -> int:
    """Return an id as the API reads it: 7.0 is 7. Raises Refused."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Refused("invalid-request", "an item that deletes needs mailbox_id and alias_id, whole numbers")


async def _ask_new_token(call: Call) -> Question:
    body = call.asked.body or {}
    scopes = body.get("scopes")
    may = ", ".join(map(words.line, scopes)) if isinstance(scopes, list) else "all that this agent's own token can give"
    whose = f"mailbox {words.line(body['mailbox_id'])}" if "mailbox_id" in body else "the account"
    name, ends = words.line(body.get("name", "")), words.line(body.get("expires_at") or "never")
    return Question(name, f"Make a token named {name} for {whose}? It may: {may}. It expires: {ends}.")


async def _ask_token(call: Call) -> Question:
    page = 1
    while True:
        found = await call.looked_up("list_tokens", query={"page": str(page), "per_page": "100"})
        start = next((one["start"] for one in found["data"] if one["id"] == call.ids["token_id"]), None)
        if start is not None:
            return Question(start, f"Delete the token that begins with {start}? Whoever uses it is locked out.")
        if page * 100 >= found["meta"]["total"]:
            raise Refused("not-found", f"there is no token {call.ids['token_id']}")
        page += 1


async def _ask_message(call: Call) -> Question:
    body = call.asked.body or {}
    to = body.get("to")
    first = str(to[0]) if isinstance(to, list) and to else ""
    lines = [f"From: {words.line(body.get('from') or 'the mailbox itself')}"]
    lines += [f"{name.title()}: {words.line(body[name])}" for name in ("to", "cc", "bcc") if body.get(name)]
    lines += [f"Subject: {words.line(body.get('subject', ''))}", f"Text: {words.line(_said(body))}"]
    if attached := body.get("attachments"):
        lines.append(f"Attachments: {len(attached)}")
    return Question(first, "Send this mail?\n" + "\n".join(lines))


async def _ask_rule(call: Call) -> Question:
    name = words.line((await call.looked_up("get_rule"))["data"]["name"])
    return Question(name, f"Delete the rule {name} of {await _mailbox(call)} for good?")


async def _ask_new_rule(call: Call) -> Question | None:
    """Ask about a rule by which mail leaves or is lost."""
    return await _ask_leaving(call, call.asked.body or {})


async def _ask_changed_rule(call: Call) -> Question | None:
    """Ask about a rule as it will be: other conditions, or switching it on, have other mail leave."""
    given = call.asked.body or {}
    if given.get("enabled") is False:
        return None
    return await _ask_leaving(call, (await call.looked_up("get_rule"))["data"] | given)


async def _ask_leaving(call: Call, rule: Mapping[str, Any]) -> Question | None:
    if not words.lets_go(rule):
        return None
    name = words.line(rule.get("name", UNNAMED))
    where = await _mailbox(call)
    return Question(name, f"Have this rule for the mail of {where}?\nName: {name}\n{words.of_rule(rule)}")


async def _mailbox(call: Call) -> str:
    """Return a mailbox's address, for a token that may not look at mailboxes its id."""
    try:
        return str((await call.looked_up("get_mailbox"))["data"]["address"])
    except Refused as refused:
        if refused.problem["code"] != "insufficient-scope":
            raise
        return f"mailbox {call.ids['mailbox_id']}"


QUESTIONS: Mapping[str, Ask] = MappingProxyType(
    {
        "delete_alias": _ask_alias,
        "free_kept_name": _ask_kept_name,
        "delete_domain": _ask_domain,
        "delete_mailbox": _ask_mailbox,
        "set_mailbox_password": _ask_password,
        "bulk_aliases": _ask_bulk,
        "create_rule": _ask_new_rule,
        "update_rule": _ask_changed_rule,
        "delete_rule": _ask_rule,
        "create_token": _ask_new_token,
        "delete_token": _ask_token,
        "send_message": _ask_message,
    }
)


def _said(body: Mapping[str, Any]) -> object:
    said = body.get("body")
    return (said.get("text") or said.get("html") or "") if isinstance(said, dict) else ""
