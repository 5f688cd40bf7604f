"""``/login``, signing out, and where one goes then."""

import re
from http import HTTPStatus

import structlog
from starlette.responses import Response

from admin_api.dashboard.frame.browser import SESSION, client_address, set_cookie
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import FormRefused, Visit
from store.errors import ServiceError
from store.services import sessions
from store.unit_of_work.sign_in import Credentials, note, sign_in

# Where one may be sent after signing in: a path of this host, no "//" in it.
_PATH = re.compile(r"/(?:[a-z0-9-][a-z0-9/-]*)?(?:\?[!-~]*)?")

log = structlog.get_logger()


def start(visit: Visit) -> Response:
    """Send people to the page that they need first."""
    if visit.session is None:
        return visit.go("/login")
    own = visit.person.mailbox_id
    return visit.go("/mailboxes" if own is None else f"/mailboxes/{own}/aliases")


def show_login(visit: Visit) -> Response:
    """Show the form to sign in."""
    if visit.session is not None:
        return start(visit)
    return _form(visit, visit.request.query_params.get("next", ""))


def log_in(visit: Visit) -> Response:
    """Take the form: a new session, whatever the browser had before."""
    earlier, visit.session = visit.session, None
    wanted = visit.form.get("next", "")
    given = Credentials(visit.form.get("name", ""), visit.form.get("password", ""), client_address(visit.request))
    try:
        visit.check_form()
        session, secret = _sign_in(visit, given)
    except FormRefused:
        return _form(visit, wanted, given.name, _NO_COOKIE, HTTPStatus.FORBIDDEN)
    except ServiceError as error:
        log.warning("sign-in-refused", client=given.client, code=error.code, request_id=visit.request.state.request_id)
        return _refused(visit, wanted, given.name, error)
    visit.session = session
    if earlier is not None:
        with visit.changing().begin() as tx:
            sessions.end(tx, earlier.id)
    response = visit.go(wanted) if _is_ours(wanted) else start(visit)
    set_cookie(visit.request, response, SESSION, secret, int(visit.options.lifetimes.longest.total_seconds()))
    return response


def log_out(visit: Visit) -> Response:
    """End this session."""
    session = visit.session
    if session is not None:
        with visit.changing().begin() as tx:
            sessions.end(tx, session.id)
            note(tx, "session.end", session.person)
    return _goodbye(visit)


def log_out_everywhere(visit: Visit) -> Response:
    """End all sessions of whoever is signed in."""
    with visit.changing().begin() as tx:
        sessions.end_all(tx, visit.person)
        note(tx, "session.end-all", visit.person)
    return _goodbye(visit)


_NO_COOKIE = (
    "This page was open for too long, or the browser did not keep its cookie. Try again; cookies are needed here, and"
    " an address that begins with https://."
)


def _sign_in(visit: Visit, given: Credentials) -> tuple[sessions.Session, str]:
    owners = visit.options.owners != "off"
    request_id = visit.request.state.request_id
    return sign_in(visit.site.database, given, visit.options.lifetimes, owners=owners, request_id=request_id)


def _refused(visit: Visit, wanted: str, name: str, error: ServiceError) -> Response:
    if error.retry_after is None:
        words = "The address or the password is wrong."
        return _form(visit, wanted, name, words, HTTPStatus.UNAUTHORIZED)
    seconds = int(error.retry_after) + 1
    words = f"Too many tries. The next one is possible in {seconds} second{'s' if seconds > 1 else ''}."
    response = _form(visit, wanted, name, words, HTTPStatus.TOO_MANY_REQUESTS)
    response.headers["Retry-After"] = str(seconds)
    return response


def _form(visit: Visit, wanted: str, name: str = "", error: str | None = None, status: int = HTTPStatus.OK) -> Response:
    return visit.page("login.html", status, wanted=wanted, name=name, error=error)


def _is_ours(wanted: str) -> bool:
    return bool(_PATH.fullmatch(wanted)) and "//" not in wanted.partition("?")[0]


def _goodbye(visit: Visit) -> Response:
    response = visit.go("/login")
    set_cookie(visit.request, response, SESSION, "", 0)
    return response


ROUTES = (
    Route("GET", "/", start, "anyone"),
    Route("GET", "/login", show_login, "anyone"),
    Route("POST", "/login", log_in, "anyone"),
    Route("POST", "/sign-out", log_out),
    Route("POST", "/sign-out-everywhere", log_out_everywhere),
)
