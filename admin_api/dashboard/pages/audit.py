"""``/audit``: what changed, by whom, when, and how it was before and after."""

from datetime import UTC, date, datetime, time
from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.domains import page_number
from admin_api.dashboard.words.changes import Change, change
from store.errors import ServiceError
from store.services import audit
from store.services.paging import Page

_PER_PAGE = 50
_LONGEST = 320  # characters of what is searched for, as many as the log keeps of a name


def show(visit: Visit) -> Response:
    """Show the changes that the address asks for, the latest first."""
    asked = {name: visit.request.query_params.get(name, "").strip() for name in ("object", "search", "since")}
    number = page_number(visit)
    try:
        found = _find(visit, asked, number)
    except ServiceError as error:
        return _page(visit, asked, 1, Page([], 0), error)
    return _page(visit, asked, number, found)


def same_page(visit: Visit) -> Response:
    """Send people on who look for activity: it is the same."""
    return visit.go("/audit")


def _find(visit: Visit, asked: dict[str, str], number: int) -> Page[Change]:
    for name in ("object", "search"):
        if len(asked[name]) > _LONGEST:
            raise ServiceError("invalid-request", f"this must have at most {_LONGEST} characters", field="search")
    since = _since(asked["since"])
    with visit.reading() as tx:
        found = audit.page(
            tx,
            since=since,
            object=asked["object"] or None,
            search=asked["search"] or None,
            page=number,
            per_page=_PER_PAGE,
        )
    return Page([change(entry) for entry in found.items], found.total)


def _since(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise ServiceError("invalid-request", "this is no day, such as 2026-01-31", field="since") from None


def _page(
    visit: Visit, asked: dict[str, str], number: int, found: Page[Change], error: ServiceError | None = None
) -> Response:
    return visit.page(
        "audit.html",
        HTTPStatus.OK if error is None else error.status,
        asked=asked,
        query={name: value for name, value in asked.items() if value},
        number=number,
        pages=max(1, -(-found.total // _PER_PAGE)),
        found=found,
        error=error,
    )


ROUTES = (
    Route("GET", "/audit", show, "admins"),
    Route("GET", "/activity", same_page, "admins"),
)
