"""The ASGI application: routes, middleware, and an answer for each kind of exception."""

import re
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

from admin_api.dashboard.frame.serving import not_found
from admin_api.dashboard.routes import add_dashboard, add_profile
from admin_api.http import health
from admin_api.http.guard import Rule
from admin_api.http.metrics import RequestMetrics
from admin_api.http.middleware import RequestMiddleware
from admin_api.http.outages import OutageLog
from admin_api.http.problems import Refusal, from_service, from_validation, of_status, respond
from admin_api.mcp.serving import McpEndpoint
from admin_api.password_managers.routes import METHODS, WIRES, add_password_managers, paths
from admin_api.rest.calls import replayed
from admin_api.rest.description import SUMMARY, TITLE
from admin_api.rest.docs_page import add_docs
from admin_api.rest.openapi import describe
from admin_api.rest.routes.all import PREFIX, ROUTERS, guarded, operations_by_name
from admin_api.setup.routes import add_setup
from admin_api.site import ApiSite, Dashboard
from store.errors import ServiceError, StoreNotReady, StoreUnavailable
from store.unit_of_work.unit import AlreadyAnswered


def create_app(site: ApiSite) -> FastAPI:
    """Return the API of a site. ``app.state.site`` may be replaced while it runs."""
    tools = None if site.mcp is None else McpEndpoint(site.mcp, operations_by_name())
    app = FastAPI(
        lifespan=None if tools is None else tools.lifespan,
        title=TITLE,
        summary=SUMMARY,
        version=version("byname"),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name,
    )
    app.state.site, app.state.described = site, None
    if site.dashboard is not None:
        add_profile(app, PREFIX, site.dashboard)
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    app.include_router(health.router)
    app.add_route(f"{PREFIX}/openapi.json", _description, include_in_schema=False)
    add_docs(app, f"{PREFIX}/docs")
    add_setup(app)
    if tools is not None:
        tools.serve(app)
    add_password_managers(app)
    if site.dashboard is not None:
        add_dashboard(app, site.dashboard)
    outages = OutageLog()
    _handle_errors(app, site.dashboard, outages)
    app.add_middleware(RequestMiddleware, metrics=RequestMetrics(site.registry), outages=outages)
    return app


def rules() -> dict[tuple[str, str], Rule]:
    """Return the rule of every guarded route, by path and method."""
    return {
        (PREFIX + route.path_format, method.lower()): route.rule
        for route in guarded()
        for method in route.methods or ()
    }


def _methods() -> list[tuple[str, str]]:
    """Return path and method of every guarded route, and of those for password managers."""
    ours = [(PREFIX + route.path, method) for route in guarded() for method in route.methods or ()]
    return ours + [(path, method) for wire in WIRES for path in paths(wire) for method in METHODS]


def _name(route: APIRoute) -> str:
    return route.name


def _description(request: Request) -> Response:
    """Send the description, made once for each site: making it takes as long as many requests."""
    app, site = request.app, request.app.state.site
    known: tuple[ApiSite, bytes] | None = app.state.described
    if known is None or known[0] is not site:
        known = app.state.described = site, bytes(JSONResponse(describe(app, site, rules())).body)
    return Response(known[1], media_type="application/json")


def _handle_errors(app: FastAPI, dashboard: Dashboard | None, outages: OutageLog) -> None:
    """Make a problem document of everything that a route may raise, and a page for people who are lost."""

    def answered(make: Any) -> Any:
        return lambda request, error: respond(request, make(error))

    app.add_exception_handler(Refusal, answered(lambda error: error))
    app.add_exception_handler(ServiceError, _refused_by_service)
    app.add_exception_handler(RequestValidationError, answered(from_validation))
    for failure in (StoreUnavailable, StoreNotReady):
        app.add_exception_handler(failure, answered(partial(_unavailable, outages)))
    app.add_exception_handler(AlreadyAnswered, _replayed)
    app.add_exception_handler(HTTPException, partial(_of_framework, _methods(), dashboard))


def _refused_by_service(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - for the type checker
    return respond(request, from_service(error, request.method))


def _replayed(_: Request, error: Exception) -> Response:
    assert isinstance(error, AlreadyAnswered)  # noqa: S101 - for the type checker
    return replayed(error)


def _unavailable(outages: OutageLog, error: Exception) -> Refusal:
    outages.failed(error)
    return Refusal("unavailable", "the database does not answer; nothing was changed", "try again in some seconds")


async def _of_framework(
    known: list[tuple[str, str]], dashboard: Dashboard | None, request: Request, error: Exception
) -> Response:
    """Tell what the framework refused: no such path, no such method, a body that is no JSON."""
    refusal = of_status(error.status_code if isinstance(error, HTTPException) else 500)
    if dashboard is not None and refusal.code == "not-found" and _is_for_people(request, dashboard):
        return await not_found(request, dashboard)
    if refusal.code == "method-not-allowed":
        methods = allowed(request.scope["path"], known) or ["GET", "HEAD"]
        refusal = Refusal(refusal.code, refusal.detail, headers={"Allow": ", ".join(methods)})
    return respond(request, refusal)


def _is_for_people(request: Request, dashboard: Dashboard) -> bool:
    """Return whether a browser asks for a page, below the dashboard's path and not below the API's."""
    path = request.scope["path"]
    is_page = path.startswith(f"{dashboard.path}/") and not path.startswith(f"{PREFIX}/")
    return is_page and "text/html" in request.headers.get("Accept", "")


def allowed(path: str, known: Iterable[tuple[str, str]]) -> list[str]:
    """Return the methods of ``path``, in upper case, HEAD wherever there is GET.

    Args:
        known: pairs of a path's pattern and a method.
    """
    found = {method.upper() for pattern, method in known if _matches(pattern, path)}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _matches(pattern: str, path: str) -> bool:
    return re.fullmatch(compile_path(pattern)[0].pattern, path) is not None
