"""ASGI middleware around every request: its id, its log line, its metrics, and the answer when a bug was hit."""

from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from admin_api.http.metrics import RequestMetrics
from admin_api.http.outages import OutageLog
from admin_api.http.problems import Refusal, of_status, respond
from admin_api.http.request_ids import HEADER, request_id
from admin_api.http.threads import in_thread
from admin_api.site import ApiSite
from store.clock import utc_now
from store.services import tokens
from store.unit_of_work.caller import Caller

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GONE = 499  # no answer was sent; the number is what nginx calls it
_PUBLIC = "/api/v1/docs"  # the pages that may be kept by a browser

log = structlog.get_logger()


@dataclass(slots=True)
class _Sent:
    """What was sent of an answer."""

    status: int = 0
    started: float = field(default_factory=monotonic)


class RequestMiddleware:
    """ASGI middleware around every request: its id, its log line, its metrics, and the answer when a bug was hit."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics, outages: OutageLog) -> None:
        self._app = app
        self._meters = metrics
        self._outages = outages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and log and count it afterwards."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, scope = scope["method"], _as_get(scope)
        request = Request(scope, receive)
        request.state.request_id = request_id(request.headers.get(HEADER))
        sent = _Sent()

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent.status = int(message["status"])  # some send a member of HTTPStatus, which logs show by its name
                _mark(scope, MutableHeaders(scope=message), request.state.request_id)
            await send(message)

        is_plain = "\n" not in scope["path"]  # which the framework's patterns would overlook at the end of a path
        app = self._app if is_plain else respond(request, of_status(HTTPStatus.NOT_FOUND))
        try:
            await app(scope, receive, send_on)
        except ClientDisconnect:  # in the middle of its body
            sent.status = sent.status or _GONE
        except Exception:
            log.exception("request-failed", request_id=request.state.request_id, path=scope["path"])
            if not sent.status:
                refusal = Refusal("internal-error", "something went wrong here; the log of the server says what")
                await respond(request, refusal)(scope, receive, send_on)
        finally:
            self._record(request, method, sent)
        await _note_use(request)

    def _record(self, request: Request, asked: str, sent: _Sent) -> None:
        seconds = monotonic() - sent.started
        method = asked if asked in _METHODS else "other"
        self._meters.answered(method, _route(request.scope), sent.status, seconds)
        if request.scope["path"] in {"/healthz", "/readyz", "/metrics"}:
            return  # asked every few seconds, and no event
        caller: Caller | None = getattr(request.state, "caller", None)
        if caller is not None and sent.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self._outages.worked()
        log.info(
            "request",
            method=method,
            path=request.scope["path"],
            status=sent.status,
            ms=round(seconds * 1000, 1),
            request_id=request.state.request_id,
            token=None if caller is None else caller.token.id,
            account=None if caller is None else caller.acting.account_id,
        )


def _as_get(scope: Scope) -> Scope:
    """Return a HEAD request as the GET that it asks about (RFC 9110 section 9.3.2).

    The server, which keeps the scope that it made, sends the answer's headers and no body.
    """
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope


def _mark(scope: Scope, headers: MutableHeaders, identity: str) -> None:
    headers[HEADER] = identity
    headers["X-Content-Type-Options"] = "nosniff"
    if not scope["path"].startswith(_PUBLIC):
        headers.setdefault("Cache-Control", "no-store")  # answers hold secrets and other people's names


def _route(scope: Scope) -> str:
    """Return the pattern of the route that was taken."""
    route: Any = scope.get("route")
    return str(getattr(route, "path_format", None) or getattr(route, "path", None) or "none")


async def _note_use(request: Request) -> None:
    """Note when the token was last used, after the answer: nobody waits for that."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is not None and not tokens.use_is_noted(caller.token, now := utc_now()):
        site: ApiSite = request.app.state.site
        await in_thread(tokens.used, site.database, caller.token, now)
