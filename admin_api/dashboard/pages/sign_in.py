"""``/login``, signing out, and where one goes then."""

import re
from http import HTTPStatus
from math import ceil

import structlog
from starlette.responses import Response

from admin_api.dashboard.frame.browser import HALF, SESSION, client_address, drop_cookie, set_cookie
from admin_api.dashboard.frame.devices import browser_words, party_of
from admin_api.dashboard.frame.outcome import with_retry
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import FormRefused, Visit
from store.errors import ServiceError
from store.services import sessions
from store.services.half_sessions import LIFETIME
from store.services.sessions import Session
from store.unit_of_work.sign_in import Begun, Credentials, HalfWay, note, sign_in

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
    """Take the form: a new session, or half of one, whatever the browser had before."""
    earlier, visit.session = visit.session, None
    wanted = visit.form.get("next", "")
    client = client_address(visit.request)
    given = Credentials(
        visit.form.get("name", ""), visit.form.get("password", ""), client, browser_words(visit.request)
    )
    try:
        visit.check_form()
        if visit.crowded is not None:
            raise visit.crowded
        begun = sign_in(visit.site.database, given, visit.options.sign_in_rules, visit.request.state.request_id)
    except FormRefused:
        return _form(visit, wanted, given.name, _NO_COOKIE, HTTPStatus.FORBIDDEN)
    except ServiceError as error:
        note_refusal(visit, error)
        return with_retry(_form(visit, wanted, given.name, refusal_words(error), error.status), error)
    _end(visit, earlier)
    return _to_second_step(visit, begun, wanted) if isinstance(begun, HalfWay) else let_in(visit, begun, wanted)


def let_in(visit: Visit, begun: Begun, wanted: str) -> Response:
    """Give the browser its session, and send it where it wanted to go."""
    visit.session, secret = begun
    visit.site.sign_in_limit.remember(client_address(visit.request))
    response = visit.go(wanted) if is_ours(wanted) else start(visit)
    drop_cookie(visit.request, response, HALF)
    give_session(visit, response, secret)
    return response


def give_session(visit: Visit, response: Response, secret: str) -> None:
    """Put the secret of a session into the browser's cookie."""
    set_cookie(visit.request, response, SESSION, secret, int(visit.options.lifetimes.longest.total_seconds()))


def show_refused(visit: Visit, wanted: str, error: ServiceError) -> Response:
    """Show the form to sign in, with why somebody was not let in."""
    return with_retry(_form(visit, wanted, "", refusal_words(error), error.status), error)


def note_refusal(visit: Visit, error: ServiceError) -> None:
    """Log that somebody was not let in (conf/fail2ban reads this line)."""
    client, request_id = client_address(visit.request), visit.request.state.request_id
    log.warning("sign-in-refused", client=client, code=error.code, request_id=request_id)


def refusal_words(error: ServiceError) -> str:
    """Return what a person is told who is not let in."""
    if error.code == "rate-limited" and error.retry_after is not None:
        seconds = ceil(error.retry_after)
        return f"Too many tries. The next one is possible in {seconds} second{'s' if seconds > 1 else ''}."
    return _sentence(error.message)


def log_out(visit: Visit) -> Response:
    """End this session."""
    session = visit.session
    if session is not None:
        with visit.changing().begin() as tx:
            sessions.end(tx, session.id)
            note(tx, "session.end", session.person)
    return goodbye(visit)


def log_out_everywhere(visit: Visit) -> Response:
    """End all sessions of whoever is signed in."""
    with visit.changing().begin() as tx:
        sessions.end_all(tx, visit.person)
        note(tx, "session.end-all", visit.person)
    return goodbye(visit)


_NO_COOKIE = (
    "This page was open for too long, or the browser did not keep its cookie. Try again; cookies are needed here, and"
    " an address that begins with https://."
)


def _end(visit: Visit, session: Session | None) -> None:
    """End what the browser was signed in with before, as its own person."""
    if session is not None:
        visit.session = session
        with visit.changing().begin() as tx:
            sessions.end(tx, session.id)
        visit.session = None


def _to_second_step(visit: Visit, half: HalfWay, wanted: str) -> Response:
    response = visit.go("/login/second", {"next": wanted} if is_ours(wanted) else None)
    drop_cookie(visit.request, response, SESSION)
    set_cookie(visit.request, response, HALF, half.secret, int(LIFETIME.total_seconds()))
    return response


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _form(visit: Visit, wanted: str, name: str = "", error: str | None = None, status: int = HTTPStatus.OK) -> Response:
    return visit.page("login.html", status, wanted=wanted, name=name, error=error, party=party_of(visit))


def is_ours(wanted: str) -> bool:
    """Return whether a browser may be sent there: a path of this host."""
    return bool(_PATH.fullmatch(wanted)) and "//" not in wanted.partition("?")[0]


def goodbye(visit: Visit) -> Response:
    """Take the cookie away, and show the form to sign in."""
    response = visit.go("/login")
    drop_cookie(visit.request, response, SESSION)
    return response


ROUTES = (
    Route("GET", "/", start, "anyone"),
    Route("GET", "/login", show_login, "anyone"),
    Route("POST", "/login", log_in, "anyone", weighs=True),
    Route("POST", "/sign-out", log_out, for_set_up=True),
    Route("POST", "/sign-out-everywhere", log_out_everywhere, for_set_up=True),
)
