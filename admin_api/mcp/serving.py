"""``/mcp``: MCP over streamable HTTP, in the process of the API. Without state, so that any process can answer.

Every request shows its token, which is looked at anew: what was deleted or has expired in an open session is 401. What
is asked for is then asked of the API's own application, with that token.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2
from fastapi import FastAPI
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from admin_api.http.authentication import ACCOUNT_HEADER, authenticate, bearer
from admin_api.http.bodies import LARGEST_BODY
from admin_api.http.guard import limit_rate
from admin_api.http.operations import Operation
from admin_api.http.problems import Refusal
from admin_api.http.threads import in_thread
from admin_api.mcp.asking import Asker, Holder
from admin_api.mcp.server import Asking, mcp_server
from admin_api.site import ApiSite, Mcp
from store.unit_of_work.caller import Caller

PATH = "/mcp"
_ITSELF = "http://byname"  # the host of requests that never leave the process


class McpEndpoint:
    """The ASGI application at ``/mcp``."""

    def __init__(self, allowed: Mcp, operations: Mapping[str, Operation]) -> None:
        security = TransportSecuritySettings(allowed_hosts=list(allowed.hosts), allowed_origins=list(allowed.origins))
        self._security = TransportSecurityMiddleware(security)
        # Plain JSON answers: nothing is ever told in between, and a proxy has nothing to hold back.
        self._manager = StreamableHTTPSessionManager(
            mcp_server(operations, _asker_of),
            stateless=True,
            json_response=True,
            security_settings=security,
            max_request_body_size=LARGEST_BODY,
        )
        self._client: httpx2.AsyncClient | None = None

    def serve(self, app: FastAPI) -> None:
        """Serve it beside the API, and ask the API through the application itself."""
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        self._client = httpx2.AsyncClient(transport=transport, base_url=_ITSELF, trust_env=False)
        app.router.routes.append(Route(PATH, self, include_in_schema=False))

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Run what answers for as long as the application runs."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            Refusal: ``method-not-allowed``, ``unauthenticated``, ``rate-limited``, ``invalid-request``.
            ServiceError: ``not-found`` for an account that a header names.
        """
        request = Request(scope, receive)
        if request.method != "POST":  # no streams: nothing is told unasked
            raise Refusal("method-not-allowed", "MCP is asked by POST", headers={"Allow": "POST"})
        foreign = await self._security.validate_request(request, is_post=True)
        if foreign is not None:
            await foreign(scope, receive, send)
            return
        site: ApiSite = request.app.state.site
        caller = await in_thread(authenticate, site, request)
        request.state.caller = caller
        limit_rate(site, caller)
        request.state.asker = self._asker(request, caller)
        await self._manager.handle_request(scope, receive, send)

    def _asker(self, request: Request, caller: Caller) -> Asker:
        assert self._client is not None  # noqa: S101 - for the type checker
        account = request.headers.get(ACCOUNT_HEADER)
        known = Holder(caller.token.kind, caller.scopes)
        return Asker(self._client, bearer(request), account, request.state.request_id, known)


def _asker_of(asking: Asking) -> Asker:
    asker: Asker = asking.request.state.asker  # type: ignore[union-attr]
    return asker
