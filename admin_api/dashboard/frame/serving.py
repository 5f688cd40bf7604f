"""What stands around each page: its form is read and checked, who may not see it is sent away, trouble is a page."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute
from starlette.types import Scope

from admin_api.dashboard.frame import assets
from admin_api.dashboard.frame.browser import SESSION, client_address, cookie
from admin_api.dashboard.frame.form import Form, TooLarge, read_form
from admin_api.dashboard.frame.outcome import with_retry
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import FormRefused, NotSignedIn, Visit
from admin_api.http import path_types  # noqa: F401 - routes use {..:id}
from admin_api.http.threads import in_thread
from admin_api.site import ApiSite, Dashboard
from store.errors import ServiceError, StoreNotReady, StoreUnavailable

log = structlog.get_logger()


def add_routes(app: FastAPI, routes: Iterable[Route], started: Dashboard) -> None:
    """Serve routes. Their path stays as it is now, whatever settings are read later."""
    for route in routes:
        paths = {started.path + route.path} | ({started.path} if route.path == "/" and started.path else set())
        for path in sorted(paths):  # the start also without the slash at its end
            app.add_route(path, _endpoint(route, started), [route.method], include_in_schema=False)
    app.add_route(f"{started.path}/static/{{name}}", assets.serve, ["GET"], include_in_schema=False)


def add_for_sessions(app: FastAPI, path: str, route: Route, started: Dashboard) -> None:
    """Serve a route at a path of the API too, before the API's own, to who has a session and shows no token."""
    app.router.routes.append(_ForSessions(path, _endpoint(route, started), methods=[route.method]))


class _ForSessions(StarletteRoute):
    """Lets pass, to the routes after it, whoever shows a token or has no cookie of ours."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            request = Request(scope)
            if "Authorization" in request.headers or cookie(request, SESSION) is None:
                return Match.NONE, {}
        return super().matches(scope)


async def not_found(request: Request, started: Dashboard) -> Response:
    """Return the page for an address that nothing is at."""
    visit = _visit(request, started, Form())
    return await in_thread(_guarded, visit, lambda: _nothing_here(visit))


def _endpoint(route: Route, started: Dashboard) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            form = await read_form(request, route.largest_form) if route.method == "POST" else Form()
        except TooLarge:
            visit = _visit(request, started, Form())
            return _trouble(visit, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is too much for one form")
        visit = _visit(request, started, form)
        respond = partial(in_thread, _guarded, visit, lambda: _run(visit, route))
        return await (_in_turn(visit, respond) if route.weighs else respond())

    return serve


async def _in_turn(visit: Visit, respond: Callable[[], Awaitable[Response]]) -> Response:
    """Respond when there is room for one more check of a password, or say that there is none."""
    try:
        async with visit.site.sign_in_limit.admitted(client_address(visit.request)):
            return await respond()
    except ServiceError as error:  # of the limit: a view's own is a page already
        visit.crowded = error
    return await respond()


def _visit(request: Request, started: Dashboard, form: Form) -> Visit:
    site: ApiSite = request.app.state.site
    return Visit(site, replace(site.dashboard or started, path=started.path), request, form)


def _run(visit: Visit, route: Route) -> Response:
    if route.who != "anyone":
        if visit.session is None:
            return _sign_in_first(visit, route)
        if not visit.rights.may_see(route.who):
            return _nothing_here(visit)
        if route.method == "POST":
            visit.check_form()
        if visit.must_set_up and not route.for_set_up:
            return visit.go("/security")
        if visit.crowded is not None:
            raise visit.crowded
    return route.view(visit, **visit.request.path_params)


def _guarded(visit: Visit, respond: Callable[[], Response]) -> Response:
    """Return the page, or one that says why not."""
    try:
        visit.recognise()
        return respond()
    except NotSignedIn:
        return visit.go("/login")
    except FormRefused:
        words = "This form did not come from a page of this session. Nothing was changed."
        return _trouble(visit, HTTPStatus.FORBIDDEN, "The page was too old", words)
    except ServiceError as error:
        if error.code == "not-found":
            return _nothing_here(visit)
        return with_retry(_trouble(visit, error.status, "This cannot be done", f"{error.message}."), error)
    except (StoreUnavailable, StoreNotReady):
        visit.session = None
        words = "The database does not answer at the moment. Nothing was changed; mail goes on. Try again soon."
        return _trouble(visit, HTTPStatus.SERVICE_UNAVAILABLE, "Not available", words)
    except Exception:  # a fault of ours: its traceback is for the log, and the page says where to find it
        identity = visit.request.state.request_id
        log.exception("request-failed", request_id=identity, path=visit.request.url.path)
        words = f"Look whether it was done before you try again. The server's log has more under the number {identity}."
        return _trouble(visit, HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here", words)


def _sign_in_first(visit: Visit, route: Route) -> Response:
    """Send somebody to the form to sign in, with the page to come back to, and what was typed on it."""
    asked = visit.request.url
    if route.method == "GET":
        wanted, query = asked.path.removeprefix(visit.options.path), asked.query
    else:
        wanted = (route.home or "/").format(**visit.request.path_params)
        query = urlencode({name: visit.form[name] for name in route.keeps if name in visit.form})
    return visit.go("/login", {"next": f"{wanted}?{query}" if query else wanted})


def _nothing_here(visit: Visit) -> Response:
    return _trouble(visit, HTTPStatus.NOT_FOUND, "There is nothing here", "It was removed, or the address is wrong.")


def _trouble(visit: Visit, status: int, title: str, words: str = "") -> Response:
    may_help = status >= HTTPStatus.INTERNAL_SERVER_ERROR and visit.request.method == "GET"  # to ask again
    return visit.page("trouble.html", status, title=title, words=words, may_help=may_help)
