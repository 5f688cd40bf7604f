"""An agent's client in a process of its own: the SDK's, told what to do by JSON lines on stdin, answering by others.

A session is named; the first line about one opens it. What the person beside the agent would answer stands in
``answers``: accept, decline, cancel, or null for a client that cannot ask.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult

Json = dict[str, Any]


class Session:
    """One open connection."""

    def __init__(self, client: Client, asked: list[str]) -> None:
        self.client, self.asked = client, asked

    async def do(self, what: str, given: Json) -> Any:
        """Do one thing, and return what came of it as JSON."""
        asked = len(self.asked)
        found = await getattr(self, what)(**given)
        return {"found": found, "asked": self.asked[asked:]}

    async def about(self) -> Json:
        """Which mode of the protocol it is, and what the server says of itself."""
        return {"version": self.client.session.protocol_version, "instructions": self.client.instructions}

    async def tools(self) -> list[Json]:
        """List the tools."""
        return [_plain(tool) for tool in (await self.client.list_tools(cache_mode="bypass")).tools]

    async def call(self, name: str, arguments: Json) -> Json:
        """Call a tool."""
        return _plain(await self.client.call_tool(name, arguments))

    async def calls(self, calls: list[list[Any]]) -> list[Json]:
        """Call tools, all at once."""
        return list(await asyncio.gather(*(self.call(*one) for one in calls)))

    async def raw(self, name: str, arguments: Json, **more: Any) -> Json:
        """Call a tool, and return what it asks without answering."""
        found = await self.client.session.call_tool(name, arguments, allow_input_required=True, **more)
        return _plain(found)

    async def resources(self) -> list[str]:
        """List the addresses of resources and of templates."""
        found = [str(one.uri) for one in (await self.client.list_resources()).resources]
        return found + [one.uri_template for one in (await self.client.list_resource_templates()).resource_templates]

    async def read(self, uri: str) -> Json:
        """Read a resource."""
        (content,) = (await self.client.read_resource(uri)).contents
        return json.loads(content.text)  # type: ignore[no-any-return, union-attr]

    async def prompts(self) -> list[Json]:
        """List the prompts."""
        return [_plain(one) for one in (await self.client.list_prompts()).prompts]

    async def prompt(self, name: str, arguments: dict[str, str]) -> Any:
        """Return the text of a prompt."""
        (message,) = (await self.client.get_prompt(name, arguments)).messages
        return message.content.text  # type: ignore[union-attr]


async def opened(stack: AsyncExitStack, how: Json) -> Session:
    """Open a connection: to ``url`` with ``token``, or to the process that ``command`` starts."""
    asked: list[str] = []
    answers: Any = how.get("answers")

    async def answer(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action=answers, content={"confirm": True} if answers == "accept" else None)

    more: Json = {"mode": how["mode"], "elicitation_callback": answer if answers else None}
    if "command" in how:
        program, *arguments = how["command"]
        server = StdioServerParameters(command=program, args=arguments, env=how["environ"])
        return Session(await stack.enter_async_context(Client(server, **more)), asked)
    headers = {"Authorization": f"Bearer {how['token']}"}
    http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=30))
    transport = streamable_http_client(how["url"], http_client=http)
    return Session(await stack.enter_async_context(Client(transport, **more)), asked)


async def main() -> None:
    """Read lines until there are no more."""
    loop, sessions = asyncio.get_running_loop(), dict[str, Session]()
    async with AsyncExitStack() as stack:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            wanted = json.loads(line)
            try:
                if wanted["session"] not in sessions:
                    sessions[wanted["session"]] = await opened(stack, wanted["how"])
                said = await sessions[wanted["session"]].do(wanted["do"], wanted["given"])
            except MCPError as error:
                said = {"error": {"code": error.code, "message": error.message, "data": error.data}}
            print(json.dumps(said), flush=True)  # noqa: T201 - the other end of the pipe


def _plain(model: Any) -> Json:
    return model.model_dump(mode="json", by_alias=True, exclude_none=False)  # type: ignore[no-any-return]


if __name__ == "__main__":
    asyncio.run(main())
