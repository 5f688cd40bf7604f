"""``/security``: one's own password, second factor and sessions."""

from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.browser import client_address
from admin_api.dashboard.frame.devices import browser_words, party_of
from admin_api.dashboard.frame.outcome import go_back, outcome, with_retry
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import NotSignedIn, Visit
from admin_api.dashboard.pages.sign_in import give_session, goodbye
from store.clock import utc_now
from store.errors import ServiceError
from store.passwords import PasswordHash
from store.services import admins, mailboxes, second_factors, sessions
from store.services.mailboxes import hash_checked
from store.services.sessions import OWNER, Device, Session
from store.sql.tenant import Transaction
from store.unit_of_work.password_check import check_password
from store.unit_of_work.sign_in import begin, note


def show(visit: Visit) -> Response:
    """Show what keeps others out."""
    return _page(visit)


def change_password(visit: Visit) -> Response:
    """Take another password, given the present one. All sessions end, and this browser gets a new one."""
    visit.require(_may_change_password(visit))
    unit = visit.changing()
    try:
        hashed = _new_password(visit)
        check_password(visit.site.database, visit.person, visit.form.get("password", ""), client_address(visit.request))
        with unit.begin() as tx:
            _set_password(tx, visit, hashed)
            device = Device(client_address(visit.request), browser_words(visit.request))
            _, secret = begin(tx, visit.person, visit.options.sign_in_rules, device)
    except ServiceError as error:
        return _page(visit, error)
    response = go_back(visit, unit, "/security", "password")
    give_session(visit, response, secret)
    return response


def end_session(visit: Visit, session_id: int) -> Response:
    """End a session of one's own; if it is this one, that is signing out."""
    unit = visit.changing()
    with unit.begin() as tx:
        sessions.end_one(tx, visit.person, session_id)
        note(tx, "session.end", visit.person)
    if session_id == _session(visit).id:
        return goodbye(visit)
    return go_back(visit, unit, "/security", "ended")


def end_others(visit: Visit) -> Response:
    """End all sessions but this one."""
    unit = visit.changing()
    with unit.begin() as tx:
        sessions.end_others(tx, visit.person, _session(visit).id)
        note(tx, "session.end-others", visit.person)
    return go_back(visit, unit, "/security", "others-ended")


def _page(visit: Visit, error: ServiceError | None = None) -> Response:
    with visit.reading() as tx:
        factors = second_factors.of(tx, visit.person)
        found = sessions.list_all(tx, visit.person, visit.options.lifetimes, utc_now())
    page = visit.page(
        "security.html",
        HTTPStatus.OK if error is None else error.status,
        factors=factors,
        sessions=found,
        this=_session(visit).id,
        party=party_of(visit),
        offered=visit.options.second_factor,
        must_set_up=visit.must_set_up,
        may_change_password=_may_change_password(visit),
        error=error,
        done=None if error else outcome(visit),
    )
    return page if error is None else with_retry(page, error)


def _may_change_password(visit: Visit) -> bool:
    """Return whether the password is one's own to change: an owner's is that of the mailbox."""
    return visit.person.role != OWNER or visit.rights.manage


def _new_password(visit: Visit) -> PasswordHash:
    typed = visit.form.get("new_password", "")
    if typed != visit.form.get("repeated", ""):
        raise ServiceError("invalid-request", "this is not what was typed above", field="repeated")
    try:
        return hash_checked(typed)
    except ServiceError as error:
        raise ServiceError(error.code, error.message, field="new_password") from None


def _set_password(tx: Transaction, visit: Visit, hashed: PasswordHash) -> None:
    if visit.person.mailbox_id is not None:
        mailboxes.update(tx, visit.person.mailbox_id, password=hashed)
    elif visit.person.admin_id is not None:
        admins.set_own_password(tx, visit.person.admin_id, hashed)


def _session(visit: Visit) -> Session:
    if visit.session is None:
        raise NotSignedIn
    return visit.session


ROUTES = (
    Route("GET", "/security", show, for_set_up=True),
    Route("POST", "/security/password", change_password, home="/security", weighs=True),
    Route("POST", "/security/sessions/end-others", end_others, home="/security"),
    Route("POST", "/security/sessions/{session_id:id}/end", end_session, home="/security"),
)
