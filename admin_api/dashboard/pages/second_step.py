"""``/login/second``: the second factor after the password, and a passkey in the place of both."""

from functools import partial

from starlette.responses import Response

from admin_api.dashboard.frame.browser import FORM, HALF, client_address, cookie
from admin_api.dashboard.frame.devices import browser_words, party_of, required_party
from admin_api.dashboard.frame.outcome import with_retry
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.sign_in import is_ours, let_in, note_refusal, refusal_words, show_refused
from store.errors import ServiceError
from store.services import second_factors
from store.services.sessions import Device
from store.unit_of_work.second_step import Shown, answer_by_code, answer_by_passkey, ask_passkey, half_session

_STATUS_OK = 200


def show_step(visit: Visit) -> Response:
    """Ask for a code or a passkey."""
    return _page(visit, visit.request.query_params.get("next", ""))


def take_code(visit: Visit) -> Response:
    """Take a code: of the app, or for recovery."""
    visit.session = None
    visit.check_form()
    wanted = visit.form.get("next", "")
    try:
        begun = answer_by_code(
            visit.site.database, _shown(visit, "code", HALF), visit.options.sign_in_rules, _request_id(visit)
        )
    except ServiceError as error:
        note_refusal(visit, error)
        return _page(visit, wanted, error)
    return let_in(visit, begun, wanted)


def options(visit: Visit, *, alone: bool) -> Response:
    """Return what the browser is to let a passkey sign, as JSON for our script."""
    visit.session = None
    visit.check_form()
    try:
        asked = ask_passkey(visit.site.database, required_party(visit), _holder(visit, alone=alone), alone=alone)
    except ServiceError as error:
        if error.code == "unauthenticated":
            return visit.go("/login")
        raise
    return visit.json(asked)


def take_passkey(visit: Visit, *, alone: bool) -> Response:
    """Take what a passkey has signed."""
    visit.session = None
    visit.check_form()
    wanted = visit.form.get("next", "")
    shown = _shown(visit, "credential", FORM if alone else HALF)
    rules, request_id = visit.options.sign_in_rules, _request_id(visit)
    try:
        begun = answer_by_passkey(
            visit.site.database, shown, required_party(visit), rules, alone=alone, request_id=request_id
        )
    except ServiceError as error:
        if error.code != "unauthenticated":
            raise
        note_refusal(visit, error)
        return show_refused(visit, wanted, error) if alone else _page(visit, wanted, error)
    return let_in(visit, begun, wanted)


def _page(visit: Visit, wanted: str, error: ServiceError | None = None) -> Response:
    """Show the step; to whom has not given the password, or too long ago, the form to sign in."""
    wanted = wanted if is_ours(wanted) else ""
    visit.session = None
    try:
        person = half_session(visit.site.database, cookie(visit.request, HALF) or "").person
    except ServiceError:
        return visit.go("/login", {"next": wanted} if wanted else None)
    with visit.site.database.read() as tx:
        factors = second_factors.of(tx, person)
    status, words = (_STATUS_OK, None) if error is None else (error.status, refusal_words(error))
    page = visit.page(
        "login_second.html",
        status,
        wanted=wanted,
        error=words,
        factors=factors,
        party=party_of(visit) if factors.passkeys else None,
    )
    return page if error is None else with_retry(page, error)


def _shown(visit: Visit, field: str, holder: str) -> Shown:
    device = Device(client_address(visit.request), browser_words(visit.request))
    return Shown(cookie(visit.request, holder) or "", visit.form.get(field, ""), device)


def _holder(visit: Visit, *, alone: bool) -> str:
    return cookie(visit.request, FORM if alone else HALF) or ""


def _request_id(visit: Visit) -> str:
    found: str = visit.request.state.request_id
    return found


ROUTES = (
    Route("GET", "/login/second", show_step, "anyone"),
    Route("POST", "/login/second", take_code, "anyone"),
    Route("POST", "/login/second/options", partial(options, alone=False), "anyone"),
    Route("POST", "/login/second/passkey", partial(take_passkey, alone=False), "anyone"),
    Route("POST", "/login/passkey/options", partial(options, alone=True), "anyone"),
    Route("POST", "/login/passkey", partial(take_passkey, alone=True), "anyone"),
)
