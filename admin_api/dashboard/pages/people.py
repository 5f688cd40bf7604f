"""``/account/people`` and its like for operators: who signs in as admin of an account, or as operator."""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.desk import Desk, at_each_desk, desk
from store.errors import ServiceError
from store.passwords import generate_password
from store.services import admins
from store.services.mailboxes import hash_checked
from store.services.views import Admin
from store.sql.database import Transaction
from store.sql.tables import ADMIN, VIEWER


@dataclass(frozen=True, slots=True)
class Given:
    """A password that was made up, to be shown in this one answer."""

    address: str
    password: str
    is_new: bool  # the person is, not only the password

    def __repr__(self) -> str:
        """Show no password."""
        return f"Given({self.address!r})"


def show_list(visit: Visit, account_id: int | None = None) -> Response:
    """Show who signs in here."""
    return _page(visit, desk(visit, account_id))


def add(visit: Visit, account_id: int | None = None) -> Response:
    """Let somebody sign in, with a password that the answer shows."""
    at = desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    password = generate_password()
    hashed = hash_checked(password)
    try:
        with visit.changing().begin() as tx:
            made = admins.create(
                tx, visit.typed("address").strip(), hashed, account=at.account_id, role=visit.typed("role")
            )
    except ServiceError as error:
        return _page(visit, at, error=error)
    return _page(visit, at, given=Given(made.address, password, is_new=True))


def change_role(visit: Visit, admin_id: int, account_id: int | None = None) -> Response:
    """Let somebody change things, or only see them."""
    at = desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    unit = visit.changing()
    with unit.begin() as tx:
        admins.set_role(tx, _other(tx, visit, at, admin_id).id, visit.form.get("role", ""))
    return go_back(visit, unit, at.path("/people"), "changed", admin_id)


def reset(visit: Visit, admin_id: int, account_id: int | None = None) -> Response:
    """Give somebody another password, which the answer shows."""
    at = desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    password = generate_password()
    hashed = hash_checked(password)
    with visit.changing().begin() as tx:
        changed = admins.reset(tx, _other(tx, visit, at, admin_id).id, hashed)
    return _page(visit, at, given=Given(changed.address, password, is_new=False))


def remove(visit: Visit, admin_id: int, account_id: int | None = None) -> Response:
    """Take somebody's access away."""
    at = desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    unit = visit.changing()
    with unit.begin() as tx:
        admins.remove(tx, _other(tx, visit, at, admin_id).id)
    return go_back(visit, unit, at.path("/people"), "removed", admin_id)


def ask_reset(visit: Visit, admin_id: int, account_id: int | None = None) -> Response:
    """Ask whether somebody is to get another password."""
    return _ask(visit, "person_password.html", admin_id, account_id)


def ask_removal(visit: Visit, admin_id: int, account_id: int | None = None) -> Response:
    """Ask whether somebody's access is to be taken away."""
    return _ask(visit, "person_remove.html", admin_id, account_id)


def _ask(visit: Visit, template: str, admin_id: int, account_id: int | None) -> Response:
    at = desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    with visit.reading() as tx:
        found = _other(tx, visit, at, admin_id)
    return visit.page(template, desk=at, admin=found)


def _other(tx: Transaction, visit: Visit, at: Desk, admin_id: int) -> Admin:
    """Return somebody of this desk but oneself: nobody shuts oneself out by a slip.

    Raises:
        ServiceError: ``not-found`` for an admin of another desk; ``conflict`` for oneself.
    """
    found = admins.get(tx, admin_id)
    if found.account_id != at.account_id:
        raise ServiceError("not-found", f"there is no admin {admin_id}")
    if found.id == visit.person.admin_id:
        raise ServiceError("conflict", "you cannot take away your own access here; somebody else can")
    return found


def _page(visit: Visit, at: Desk, *, error: ServiceError | None = None, given: Given | None = None) -> Response:
    with visit.reading() as tx:
        found = admins.list_all(tx, account=at.account_id)
    status = HTTPStatus.CREATED if given is not None and given.is_new else HTTPStatus.OK
    return visit.page(
        "people.html",
        status if error is None else error.status,
        desk=at,
        may_change=at.may_change(visit.rights),
        people=found,
        typed={"address": "" if given else visit.typed("address"), "role": visit.typed("role", ADMIN)},
        error=error,
        given=given,
        done=None if error or given else outcome(visit),
        roles=ROLE_WORDS,
    )


ROLE_WORDS = {ADMIN: "Admin", VIEWER: "Viewer"}
_ONE = "/people/{admin_id:id}"
ROUTES = (
    *at_each_desk("GET", "/people", show_list),
    *at_each_desk("POST", "/people", add, "/people", ("address", "role")),
    *at_each_desk("POST", _ONE, change_role, "/people"),
    *at_each_desk("GET", f"{_ONE}/password", ask_reset),
    *at_each_desk("POST", f"{_ONE}/password", reset, "/people"),
    *at_each_desk("GET", f"{_ONE}/remove", ask_removal),
    *at_each_desk("POST", f"{_ONE}/remove", remove, "/people"),
)
