"""``/account/kept-names`` and its like for operators: deleted names that the account keeps, and for how long."""

from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.desk import Desk, at_each_desk, desk
from admin_api.dashboard.pages.page_number import page_count, page_number
from store.errors import ServiceError
from store.services import account_settings, accounts, kept_names
from store.services.views import KeptName
from store.sql.database import Transaction

PER_PAGE = 50
BELOW = "/kept-names"


def show_list(visit: Visit, account_id: int | None = None) -> Response:
    """Show the names."""
    return _page(visit, _desk(visit, account_id))


def settle(visit: Visit, account_id: int | None = None) -> Response:
    """Take the form that says for how many days names are kept."""
    at = _desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    unit = visit.changing(at.account_id)
    try:
        with unit.begin() as tx:
            days = _days(visit.form.get("keep_deleted_days", ""))
            account_settings.update(tx, _account(at), keep_deleted_days=days)
    except ServiceError as error:
        return _page(visit, at, error)
    return go_back(visit, unit, at.path(BELOW), "changed")


def ask(visit: Visit, kept_name_id: int, account_id: int | None = None) -> Response:
    """Say what freeing a name does, and ask."""
    at = _desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    with visit.reading(at.account_id) as tx:
        found = _one(tx, at, kept_name_id)
    return visit.page("kept_name_free.html", desk=at, kept=found)


def free(visit: Visit, kept_name_id: int, account_id: int | None = None) -> Response:
    """Free a name."""
    at = _desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    unit = visit.changing(at.account_id)
    with unit.begin() as tx:
        kept_names.free(tx, _one(tx, at, kept_name_id).id)
    return go_back(visit, unit, at.path(BELOW), "freed", kept_name_id)


def _desk(visit: Visit, account_id: int | None) -> Desk:
    """Return the desk of an account. Raises ServiceError ``not-found`` for that of the operators: it has no names."""
    at = desk(visit, account_id)
    if at.account is None:
        raise ServiceError("not-found", "there is no such page")
    return at


def _account(at: Desk) -> int:
    assert at.account is not None  # noqa: S101 - said to the type checker
    return at.account.id


def _days(text: str) -> int:
    typed = text.strip()
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise ServiceError("invalid-request", "type a number of days, such as 30", field="keep_deleted_days")
    return int(typed)


def _one(tx: Transaction, at: Desk, kept_name_id: int) -> KeptName:
    return kept_names.get(tx, kept_name_id, account=_account(at))


def _page(visit: Visit, at: Desk, error: ServiceError | None = None) -> Response:
    number = page_number(visit.request.query_params.get("page", ""))
    search = visit.typed("search").strip()[:100]
    with visit.reading(at.account_id) as tx:
        account = accounts.get(tx, _account(at))
        found = kept_names.page(tx, page=number, per_page=PER_PAGE, search=search or None, account=account.id)
    return visit.page(
        "kept_names.html",
        HTTPStatus.OK if error is None else error.status,
        desk=at,
        may_change=at.may_change(visit.rights),
        days=account.keep_deleted_days,
        typed=visit.typed("keep_deleted_days", str(account.keep_deleted_days)),
        most=kept_names.MOST_DAYS,
        found=found,
        number=number,
        pages=page_count(found.total, PER_PAGE),
        search=search,
        error=error,
        done=None if error else outcome(visit),
    )


_ONE = f"{BELOW}/{{kept_name_id:id}}/free"
ROUTES = tuple(
    route
    for route in (
        *at_each_desk("GET", BELOW, show_list),
        *at_each_desk("POST", BELOW, settle, BELOW, ("keep_deleted_days",)),
        *at_each_desk("GET", _ONE, ask),
        *at_each_desk("POST", _ONE, free, BELOW),
    )
    if not route.path.startswith(f"/operator{BELOW}")  # operators have no names of their own
)
