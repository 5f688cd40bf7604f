"""``/domains``: all domains that an admin sees, with a search, and the form that adds one."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.words.domain_states import DomainState, state
from store.errors import ServiceError
from store.services import accounts, domains
from store.services.domain_checks import requirements
from store.services.domain_contents import name_counts
from store.services.paging import Page
from store.services.views import Domain
from store.sql.database import Transaction

_PER_PAGE = 50
_LONGEST_SEARCH = 100
_LAST_PAGE = 10**6
_SUGGESTED = 100  # accounts


@dataclass(frozen=True, slots=True)
class Row:
    """A domain of the list."""

    domain: Domain
    state: DomainState
    names: int


def show_list(visit: Visit) -> Response:
    """Show the domains."""
    return _page(visit)


def add(visit: Visit) -> Response:
    """Take the form: a domain that is pending until the DNS proves it."""
    visit.require(visit.rights.administer)
    unit = visit.changing()
    try:
        account = visit.person.account_id or _account(visit)
        with unit.begin() as tx:
            made = domains.add(tx, visit.typed("name").strip(), account=account)
    except ServiceError as error:
        return _page(visit, error)
    return go_back(visit, unit, f"/domains/{made.id}", "made", made.id)


def page_number(visit: Visit) -> int:
    """Return which page of a list is asked for; what is no number means the first."""
    text = visit.request.query_params.get("page", "")
    return min(int(text), _LAST_PAGE) if text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) else 1


def _account(visit: Visit) -> str:
    name = visit.typed("account").strip()
    if not name:
        raise ServiceError("invalid-request", "choose the account that gets the domain", field="account")
    return name


def _page(visit: Visit, error: ServiceError | None = None) -> Response:
    search, number = visit.request.query_params.get("search", "").strip(), page_number(visit)
    found: Page[Row] = Page([], 0)
    search_error = None
    with visit.reading() as tx:
        names = _accounts(tx) if visit.rights.operate else []
        try:
            found = _find(visit, tx, search, number)
        except ServiceError as refusal:
            search_error = refusal.message
    refused = error.status if error else HTTPStatus.UNPROCESSABLE_ENTITY if search_error else HTTPStatus.OK
    return visit.page(
        "domains.html",
        refused,
        search=search,
        number=number,
        pages=max(1, -(-found.total // _PER_PAGE)),
        found=found,
        search_error=search_error,
        error=error,
        done=None if error else outcome(visit),
        typed=_typed(visit),
        accounts=names,
    )


def _typed(visit: Visit) -> Mapping[str, str]:
    return {name: visit.typed(name) for name in ("name", "account")}


def _accounts(tx: Transaction) -> list[str]:
    return [account.name for account in accounts.page(tx, per_page=_SUGGESTED).items]


def _find(visit: Visit, tx: Transaction, search: str, number: int) -> Page[Row]:
    if len(search) > _LONGEST_SEARCH:
        raise ServiceError("invalid-request", f"the search must have at most {_LONGEST_SEARCH} characters")
    found = domains.page(tx, page=number, per_page=_PER_PAGE, search=search or None)
    waiting = [domain for domain in found.items if domain.verified_at is None]
    records = requirements.known(tx, waiting, visit.site.dns.expected) if waiting else {}
    names = name_counts(tx, [domain.id for domain in found.items])
    suspended = visit.person.is_suspended
    states = [state(one, records.get(one.id, ()), is_suspended=suspended) for one in found.items]
    rows = [Row(one, its_state, names.get(one.id, 0)) for one, its_state in zip(found.items, states, strict=True)]
    return Page(rows, found.total)


ROUTES = (
    Route("GET", "/domains", show_list, "admins"),
    Route("POST", "/domains", add, "admins", home="/domains", keeps=("name", "account")),
)
