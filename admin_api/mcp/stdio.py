"""MCP over stdin and stdout: for a client that starts its servers as processes.

It asks the API over HTTP, as any program with a token does. So it needs neither settings nor the database's password
where the agent runs, and what the token may not do, the process cannot do either.
"""

from collections.abc import Mapping
from importlib.metadata import version

import anyio
import httpx2
from mcp.server.stdio import stdio_server

from admin_api.http.operations import Operation
from admin_api.mcp.asking import Asker
from admin_api.mcp.server import mcp_server

_TIMEOUT = 60.0  # seconds for each request


def serve(url: str, secret: str, operations: Mapping[str, Operation]) -> None:
    """Serve until stdin ends. ``url``: of the API, without ``/api/v1``."""
    anyio.run(_serve, url, secret, operations)


async def _serve(url: str, secret: str, operations: Mapping[str, Operation]) -> None:
    headers = {"User-Agent": f"byname-mcp/{version('byname')}"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT) as client:
        server = mcp_server(operations, lambda _: Asker(client, secret))
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())
