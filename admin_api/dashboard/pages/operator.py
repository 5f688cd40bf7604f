"""``/operator``: how the site does, all accounts, and a new one."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.desk import desk
from admin_api.dashboard.pages.page_number import page_count, page_number
from admin_api.http.health import reasons_of
from store.errors import ServiceError
from store.services import accounts, usage
from store.services.paging import Page
from store.services.plans import PLANS
from store.services.views import Account

# What is wrong with the cache (store.cache.fallback), in words; other reasons are shown as they are.
REASON_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "no-lease": "The relay does not vouch for it, so the database is asked",
        "timeout": "Does not answer in time, so the database is asked",
        "breaker": "Did not answer lately, so the database is asked",
    }
)
_PER_PAGE = 50
_LONGEST_SEARCH = 100


def overview(visit: Visit) -> Response:
    """Show what waits, what is wrong, and how many accounts there are."""
    with visit.reading() as tx:
        counted = usage.accounts(tx)
    reasons = reasons_of(visit.site)
    return visit.page("operator.html", desk=desk(visit), reasons=reasons, words=REASON_WORDS, accounts=counted)


def show_list(visit: Visit) -> Response:
    """Show the accounts."""
    return _page(visit)


def create(visit: Visit) -> Response:
    """Open an account."""
    visit.require(visit.rights.operate)
    unit, form = visit.changing(), visit.form
    try:
        with unit.begin() as tx:
            name, plan = form.get("name", "").strip(), form.get("plan", "")
            made = accounts.create(tx, name, plan, is_trial=form.get("is_trial") == "on")
    except ServiceError as error:
        return _page(visit, error)
    return go_back(visit, unit, f"/operator/accounts/{made.id}", "made", made.id)


def _page(visit: Visit, error: ServiceError | None = None) -> Response:
    search = visit.request.query_params.get("search", "").strip()
    number = page_number(visit.request.query_params.get("page", ""))
    found, refused = _found(visit, search, number)
    wrong = error or refused
    return visit.page(
        "operator_accounts.html",
        HTTPStatus.OK if wrong is None else wrong.status,
        desk=desk(visit),
        search=search,
        number=number,
        pages=page_count(found.total, _PER_PAGE),
        found=found,
        error=error,
        done=None if wrong else outcome(visit),
        search_error=refused,
        typed={name: visit.typed(name) for name in ("name", "plan", "is_trial")},
        plans=PLANS,
    )


def _found(visit: Visit, search: str, number: int) -> tuple[Page[Account], ServiceError | None]:
    if len(search) > _LONGEST_SEARCH:
        too_long = ServiceError("invalid-request", f"the search must have at most {_LONGEST_SEARCH} characters")
        return Page([], 0), too_long
    try:
        with visit.reading() as tx:
            return accounts.page(tx, page=number, per_page=_PER_PAGE, search=search or None), None
    except ServiceError as refused:
        return Page([], 0), refused


_LIST = "/operator/accounts"
ROUTES = (
    Route("GET", "/operator", overview, "operators"),
    Route("GET", _LIST, show_list, "operators"),
    Route("POST", _LIST, create, "operators", _LIST, ("name", "plan", "is_trial")),
)
