"""The routes of the dashboard, and what stands around each: the form is read and checked, trouble becomes a page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from admin_api.dashboard import aliases, assets, mailboxes, signing_in
from admin_api.dashboard.visit import FormRefused, NotSignedIn, Visit
from admin_api.http import path_types  # noqa: F401 - routes use {..:id}
from admin_api.site import ApiSite, Dashboard
from store.errors import ServiceError, StoreNotReady, StoreUnavailable

_LARGEST_FORM = 64_000  # bytes
_MOST_FIELDS = 50


@dataclass(frozen=True, slots=True)
class _Page:
    """A route. ``home``: the page to come back to when somebody has to sign in first; None: no need to."""

    method: str
    path: str
    view: Callable[..., Response]
    home: str | None


_ALIASES = "/mailboxes/{mailbox_id}/aliases"
_ONE = "/mailboxes/{mailbox_id:id}/aliases/{alias_id:id}"
PAGES = (
    _Page("GET", "/", signing_in.start, None),
    _Page("GET", "/login", signing_in.show_login, None),
    _Page("POST", "/login", signing_in.log_in, None),
    _Page("POST", "/sign-out", signing_in.log_out, "/mailboxes"),
    _Page("POST", "/sign-out-everywhere", signing_in.log_out_everywhere, "/mailboxes"),
    _Page("GET", "/mailboxes", mailboxes.show_list, "/mailboxes"),
    _Page("GET", "/mailboxes/{mailbox_id:id}/aliases", aliases.show_list, _ALIASES),
    _Page("POST", "/mailboxes/{mailbox_id:id}/aliases", aliases.add, _ALIASES),
    _Page("POST", _ONE, aliases.change, _ALIASES),
    _Page("GET", f"{_ONE}/delete", aliases.ask_deletion, _ALIASES),
    _Page("POST", f"{_ONE}/delete", aliases.delete, _ALIASES),
)


def add_dashboard(app: FastAPI, started: Dashboard) -> None:
    """Serve the pages. Their path stays as it is now, whatever settings are read later."""
    for page in PAGES:
        app.add_route(started.path + page.path, _endpoint(page, started), [page.method], include_in_schema=False)
    if started.path:  # also without the slash at its end
        app.add_route(started.path, _endpoint(PAGES[0], started), ["GET"], include_in_schema=False)
    app.add_route(f"{started.path}/static/{{name}}", assets.serve, ["GET"], include_in_schema=False)


async def not_found(request: Request, started: Dashboard) -> Response:
    """Return the page for an address that nothing is at."""
    visit = _visit(request, started, {})
    return await run_in_threadpool(_guarded, visit, lambda: _nothing_here(visit))


def _endpoint(page: _Page, started: Dashboard) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        form = await _read_form(request) if request.method == "POST" else {}
        visit = _visit(request, started, form or {})
        if form is None:
            return _trouble(visit, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is too much for one form")
        return await run_in_threadpool(_guarded, visit, lambda: _run(visit, page))

    return serve


def _visit(request: Request, started: Dashboard, form: dict[str, str]) -> Visit:
    site: ApiSite = request.app.state.site
    return Visit(site, replace(site.dashboard or started, path=started.path), request, form)


async def _read_form(request: Request) -> dict[str, str] | None:
    """Return the fields of a form (application/x-www-form-urlencoded); None when it is too large."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            return None
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


def _run(visit: Visit, page: _Page) -> Response:
    if page.home is not None:
        if visit.session is None:
            return _sign_in_first(visit, page)
        if page.method == "POST":
            visit.check_form()
    return page.view(visit, **visit.request.path_params)


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
        return _trouble(visit, error.status, "This cannot be done", error.message)
    except (StoreUnavailable, StoreNotReady):
        visit.session = None
        words = "The database does not answer at the moment. Nothing was changed; mail goes on. Try again soon."
        return _trouble(visit, HTTPStatus.SERVICE_UNAVAILABLE, "Not available", words)


def _sign_in_first(visit: Visit, page: _Page) -> Response:
    """Send somebody to the form to sign in, with the page to come back to, and what was typed on it."""
    assert page.home is not None  # noqa: S101 - said to the type checker
    wanted = page.home.format(**visit.request.path_params)
    typed = {name: value for name, value in visit.form.items() if name != "csrf"} if page.view is aliases.add else {}
    query = urlencode(typed) if visit.form else visit.request.url.query
    return visit.go("/login", {"next": f"{wanted}?{query}" if query else wanted})


def _nothing_here(visit: Visit) -> Response:
    return _trouble(visit, HTTPStatus.NOT_FOUND, "There is nothing here", "It was removed, or the address is wrong.")


def _trouble(visit: Visit, status: int, title: str, words: str = "") -> Response:
    return visit.page("trouble.html", status, title=title, words=words)
