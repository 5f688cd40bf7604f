"""``/operator/accounts/{id}``: one account, its plan, its state, and what it has."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.desk import OF_CUSTOMER, desk
from store.errors import ServiceError
from store.services import accounts, domains, usage
from store.services.plans import PLANS, TRIAL_LIMIT
from store.services.views import Account
from store.sql.database import Transaction

_DOMAINS = 20  # shown here; the rest where all domains are

# What a button sends: the change.
CHANGES: Mapping[str, Callable[[Transaction, int], Account]] = MappingProxyType(
    {
        "paid": lambda tx, account_id: accounts.update(tx, account_id, paid=True),
        "unpaid": lambda tx, account_id: accounts.update(tx, account_id, first_payment_at=None),
        "suspend": lambda tx, account_id: accounts.update(tx, account_id, is_active=False),
        "resume": lambda tx, account_id: accounts.update(tx, account_id, is_active=True),
    }
)


def show(visit: Visit, account_id: int) -> Response:
    """Show an account."""
    return _page(visit, account_id)


def change(visit: Visit, account_id: int) -> Response:
    """Do what a button says: note the first payment or take it back, suspend or resume."""
    visit.require(visit.rights.operate)
    wanted = CHANGES.get(visit.form.get("action", ""))
    if wanted is None:
        raise ServiceError("invalid-request", "there is no such button")
    unit = visit.changing()
    with unit.begin() as tx:
        wanted(tx, account_id)
    return go_back(visit, unit, _path(account_id), visit.form["action"], account_id)


def settle(visit: Visit, account_id: int) -> Response:
    """Take the form of name, plan and trial."""
    visit.require(visit.rights.operate)
    unit, form = visit.changing(), visit.form
    try:
        with unit.begin() as tx:
            name, plan = form.get("name", "").strip(), form.get("plan", "")
            accounts.update(tx, account_id, name=name, plan=plan, is_trial=form.get("is_trial") == "on")
    except ServiceError as error:
        if error.code == "not-found":
            raise
        return _page(visit, account_id, error)
    return go_back(visit, unit, _path(account_id), "changed", account_id)


def ask_suspension(visit: Visit, account_id: int) -> Response:
    """Say what suspending does, and ask."""
    visit.require(visit.rights.operate)
    policy = visit.site.explaining.policy
    return visit.page("account_suspend.html", desk=desk(visit, account_id), suspended=policy.suspended)


def ask_deletion(visit: Visit, account_id: int) -> Response:
    """Say what deleting does, or why it cannot be, and ask."""
    visit.require(visit.rights.operate)
    with visit.reading() as tx:
        account = accounts.get(tx, account_id)
    return visit.page("account_delete.html", desk=desk(visit, account_id), account=account)


def delete(visit: Visit, account_id: int) -> Response:
    """Delete an account that has no domains."""
    visit.require(visit.rights.operate)
    unit = visit.changing()
    with unit.begin() as tx:
        accounts.remove(tx, account_id)
    return go_back(visit, unit, "/operator/accounts", "deleted", account_id)


def _page(visit: Visit, account_id: int, error: ServiceError | None = None) -> Response:
    at = desk(visit, account_id)
    with visit.reading(account_id) as tx:
        account = accounts.get(tx, account_id)
        owned = domains.page(tx, per_page=_DOMAINS)
        fullest = usage.fullest(tx, account_id)
    known = {"name": account.name, "plan": account.plan, "is_trial": "on" if account.is_trial else ""}
    kept = "plan" in visit.form or "plan" in visit.request.query_params  # else a box that is not ticked says nothing
    return visit.page(
        "operator_account.html",
        HTTPStatus.OK if error is None else error.status,
        desk=at,
        account=account,
        domains=owned,
        fullest=fullest,
        typed={name: visit.typed(name) for name in known} if kept else known,
        error=error,
        done=None if error else outcome(visit),
        plans=PLANS,
        trial_limit=TRIAL_LIMIT,
        suspended=visit.site.explaining.policy.suspended,
    )


def _path(account_id: int) -> str:
    return f"/operator/accounts/{account_id}"


_HOME = OF_CUSTOMER.replace(":id", "")
ROUTES = (
    Route("GET", OF_CUSTOMER, show, "operators"),
    Route("POST", OF_CUSTOMER, change, "operators", _HOME),
    Route("POST", f"{OF_CUSTOMER}/settings", settle, "operators", _HOME, ("name", "plan", "is_trial")),
    Route("GET", f"{OF_CUSTOMER}/suspend", ask_suspension, "operators"),
    Route("GET", f"{OF_CUSTOMER}/delete", ask_deletion, "operators"),
    Route("POST", f"{OF_CUSTOMER}/delete", delete, "operators", _HOME),
)
