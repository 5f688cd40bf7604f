"""Resources: what an agent, or the person beside it, can read without a tool. Each asks the operations of tools."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mcp_types import Resource, ResourceTemplate

from admin_api.http.operations import Operation
from admin_api.mcp.answers import as_text, free_texts
from admin_api.mcp.asking import Asker, Holder, Refused, asked_for
from admin_api.mcp.tools import may_use

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: its address, and the operations whose answers it holds, by the names they have in it."""

    uri: str  # with the name of the id in braces
    name: str
    title: str
    parts: Mapping[str, str]

    def is_for(self, holder: Holder, operations: Mapping[str, Operation]) -> bool:
        """Return whether a token may read it."""
        return all(may_use(operations[name], holder.kind, holder.scopes) for name in self.parts.values())


KINDS = (
    Kind("byname://account", "account", "The account: plan, limits, what it has", {"account": "get_account"}),
    Kind(
        "byname://mailboxes/{mailbox_id}",
        "mailbox",
        "A mailbox with its aliases",
        {"mailbox": "get_mailbox", "aliases": "list_aliases"},
    ),
    Kind(
        "byname://domains/{domain_id}/dns",
        "dns",
        "The DNS records a domain should have, and what was found",
        {"dns": "get_dns_requirements"},
    ),
)


def listed(holder: Holder, operations: Mapping[str, Operation]) -> list[Resource]:
    """Return the resources that have one address."""
    return [
        Resource(uri=kind.uri, name=kind.name, title=kind.title, mime_type=_JSON)
        for kind in KINDS
        if "{" not in kind.uri and kind.is_for(holder, operations)
    ]


def templates(holder: Holder, operations: Mapping[str, Operation]) -> list[ResourceTemplate]:
    """Return those of which there is one for each id."""
    return [
        ResourceTemplate(uri_template=kind.uri, name=kind.name, title=kind.title, mime_type=_JSON)
        for kind in KINDS
        if "{" in kind.uri and kind.is_for(holder, operations)
    ]


async def read(uri: str, asker: Asker, operations: Mapping[str, Operation]) -> str:
    """Return a resource as JSON. Raises Refused."""
    for kind in KINDS:
        found = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[1-9][0-9]{0,18})", re.escape(kind.uri)), uri)
        if found is not None:
            return await _content(kind, found.groupdict(), asker, operations)
    raise Refused("not-found", "there is no such resource")


async def _content(kind: Kind, ids: Mapping[str, str], asker: Asker, operations: Mapping[str, Operation]) -> str:
    document = {part: (await asker.ask(asked_for(operations[name], ids))).document for part, name in kind.parts.items()}
    return json.dumps(
        json.loads(as_text({"notice": "", **document})) | {"written_by_others": list(free_texts(document))}
    )
