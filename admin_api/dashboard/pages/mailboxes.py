"""``/mailboxes``: all mailboxes that an admin sees, with a search."""

from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from store.errors import ServiceError
from store.services import alias_facts, mailboxes
from store.services.paging import Page
from store.services.views import Mailbox

_PER_PAGE = 50
_LONGEST_SEARCH = 100
_LAST_PAGE = 10**6


def show_list(visit: Visit) -> Response:
    """Show the mailboxes; an owner has one, and gets its aliases."""
    if visit.person.mailbox_id is not None:
        return visit.go(f"/mailboxes/{visit.person.mailbox_id}/aliases")
    search = visit.request.query_params.get("search", "").strip()
    number = _page_number(visit.request.query_params.get("page", ""))
    try:
        found, limits = _find(visit, search, number)
    except ServiceError as error:
        return _page(visit, search, 1, Page([], 0), {}, error.message)
    return _page(visit, search, number, found, limits)


def _find(visit: Visit, search: str, number: int) -> tuple[Page[Mailbox], dict[int, int]]:
    if len(search) > _LONGEST_SEARCH:
        raise ServiceError("invalid-request", f"the search must have at most {_LONGEST_SEARCH} characters")
    with visit.reading() as tx:
        found = mailboxes.page(tx, page=number, per_page=_PER_PAGE, search=search or None)
        return found, alias_facts.limits(tx, {mailbox.domain_id for mailbox in found.items})


def _page(
    visit: Visit, search: str, number: int, found: Page[Mailbox], limits: dict[int, int], error: str | None = None
) -> Response:
    return visit.page(
        "mailboxes.html",
        HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        search=search,
        number=number,
        pages=max(1, -(-found.total // _PER_PAGE)),
        found=found,
        limits=limits,
        error=error,
    )


def _page_number(text: str) -> int:
    return min(int(text), _LAST_PAGE) if text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) else 1


ROUTES = (Route("GET", "/mailboxes", show_list),)
