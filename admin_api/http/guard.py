"""What stands before every route: a token, its rate, its scopes, and a body of the right type and size.

The order is fixed: 401, 429, 403, then what is wrong with the request itself. A route without a rule cannot be made.
"""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from admin_api.http import path_types  # noqa: F401 - routes use {..:id}
from admin_api.http.authentication import ACCOUNT_HEADER, authenticate
from admin_api.http.bodies import LARGEST_BODY, check_type, is_large, read_body, read_json
from admin_api.http.problems import Flaw, Refusal
from admin_api.http.threads import in_thread, threaded
from admin_api.site import ApiSite
from store.errors import ServiceError
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR
from store.unit_of_work.caller import Caller

JSON = "application/json"
_RULE = "x-byname-rule"
_ONCE = ("Content-Type", "Idempotency-Key", ACCOUNT_HEADER, "X-Confirm-Delete")  # headers; Authorization: see auth


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use a route, what it takes, and what it may refuse beside what every route may."""

    scopes: tuple[str, ...]  # all of them are needed; none: any token of the kinds will do
    kinds: frozenset[str]
    codes: tuple[str, ...]
    takes: str
    streams: bool  # the endpoint reads the body itself
    is_change: bool
    of_message_tokens: tuple[str, ...] | None = None  # what these need instead; None: the same
    is_large: bool = False  # the body may be as large as a message
    takes_turns: bool = False  # where one writes at a time

    def scopes_of(self, kind: str) -> tuple[str, ...]:
        """Return what a token of a kind must have."""
        return self.scopes if kind != MESSAGE or self.of_message_tokens is None else self.of_message_tokens


def needs(
    *scopes: str,
    codes: tuple[str, ...] = (),
    kinds: tuple[str, ...] = (ACCOUNT, OPERATOR),
    takes: str = JSON,
    streams: bool = False,
    changes: bool = False,
    of_message_tokens: tuple[str, ...] | None = None,
    is_large: bool = False,
    takes_turns: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Return what a route's decorator takes: ``@router.get(path, **needs("aliases:read"))``.

    Args:
        scopes: all that the token must have.
        codes: of errors, beside those that every route may answer with; for the OpenAPI.
        kinds: of tokens that may come at all.
        takes: the media type of the body.
        streams: the endpoint reads the body itself, and limits it.
        changes: it changes something: the token's account may be narrowed, an idempotency key given.
        of_message_tokens: what the token of a mailbox must have instead of ``scopes``.
        is_large: the body may be as large as ``[sending] max_bytes`` says.
        takes_turns: of such requests one is served at a time where one writes at a time
            (:class:`admin_api.http.turns.Turns`); for those that write, and wait for nothing else.
        options: of the decorator, handed on.
    """
    rule = Rule(scopes, frozenset(kinds), codes, takes, streams, changes, of_message_tokens, is_large, takes_turns)
    return {"openapi_extra": {_RULE: rule}, **options}


class GuardedRoute(APIRoute):
    """A route behind its rule. Raises TypeError at start when it has none."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        rule = (options.get("openapi_extra") or {}).pop(_RULE, None)
        if not isinstance(rule, Rule):
            raise TypeError(f"the route {path} has no rule")
        self.rule = rule
        super().__init__(path, threaded(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler that asks the rule first."""
        handle = super().get_route_handler()
        params = get_flat_params(self.dependant)
        known = frozenset(param.alias for param in params if isinstance(param.field_info, Query))

        async def guarded(request: Request) -> Response:
            site: ApiSite = request.app.state.site
            async with self._turn(site):
                caller = await in_thread(authenticate, site, request)
            request.state.caller = caller
            _admit(site, caller, self.rule)
            if self.rule.kinds == {OPERATOR}:
                request.state.caller = caller.unbound()
            _check_headers(request)
            _check_query(request, known)
            if self.rule.is_large and is_large(request):
                with site.message_limit.admitted(caller.limited_as):
                    await read_body(request, _largest(site, self.rule))
                    async with site.message_limit.running():
                        return await self._handled(handle, request)
            if not self.rule.streams:
                await read_body(request)
            async with self._turn(site):
                return await self._handled(handle, request)

        return guarded

    def _turn(self, site: ApiSite) -> AbstractAsyncContextManager[None]:
        return site.turns.taken() if self.rule.takes_turns and site.turns else nullcontext()

    async def _handled(self, handle: Callable[[Request], Coroutine[Any, Any, Response]], request: Request) -> Response:
        if self.body_field is not None or self.rule.streams:
            check_type(request, self.rule.takes)
        if self.body_field is not None:
            await read_json(request)
        return await handle(request)


def _largest(site: ApiSite, rule: Rule) -> int:
    return site.sending.max_bytes if rule.is_large and site.sending is not None else LARGEST_BODY


def limit_rate(site: ApiSite, caller: Caller) -> None:
    """Count a request of a token. Raises Refusal ``rate-limited``."""
    wait = site.rate_limit.take(caller.token.id)
    if wait:
        limit = f"{site.rate_limit.rate} requests a second, {site.rate_limit.burst} at once"
        raise Refusal("rate-limited", f"the limit of this token is {limit}", retry_after=wait)


def _admit(site: ApiSite, caller: Caller, rule: Rule) -> None:
    limit_rate(site, caller)
    if caller.token.kind not in rule.kinds:
        kinds = " or ".join(sorted(rule.kinds))
        raise Refusal("insufficient-scope", f"this needs a token of the kind {kinds}")
    wanted = rule.scopes_of(caller.token.kind)
    missing = [scope for scope in wanted if scope not in caller.scopes]
    if missing:
        challenge = f'Bearer realm="byname", error="insufficient_scope", scope="{" ".join(wanted)}"'
        detail = f"the token lacks the scope {' and '.join(missing)}"
        raise Refusal("insufficient-scope", detail, headers={"WWW-Authenticate": challenge})
    if rule.is_change and caller.is_suspended:
        raise ServiceError("account-suspended", "the account is suspended: its tokens may read, and change nothing")


def _check_headers(request: Request) -> None:
    """Refuse a header that stands twice: which one counts would be anybody's guess."""
    for name in _ONCE:
        if len(request.headers.getlist(name)) > 1:
            flaws = [Flaw(f"/header/{name}", "must stand once only")]
            raise Refusal("invalid-request", f"the header {name} stands more than once", flaws=flaws)


def _check_query(request: Request, known: frozenset[str]) -> None:
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        flaws = [Flaw("/query", "there is no such parameter")]
        hint = f"there are: {', '.join(sorted(known))}" if known else "this path takes no parameters"
        raise Refusal("invalid-request", "there is a query parameter that this path does not know", hint, flaws)
