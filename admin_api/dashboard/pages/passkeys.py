"""``/security/passkeys``: making a passkey, with our script, and removing one."""

from http import HTTPStatus

from starlette.responses import Response

from admin_api.dashboard.frame.devices import party_of, required_party
from admin_api.dashboard.frame.outcome import go_back, with_retry
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.second_factor import ask_password, check_offered, confirm, show_codes
from store.clock import utc_now
from store.errors import ServiceError
from store.services import challenges, passkeys, second_factors

_PURPOSE = "new passkey"


def show_new(visit: Visit) -> Response:
    """Ask what the passkey is to be called."""
    check_offered(visit)
    return _page(visit)


def options(visit: Visit) -> Response:
    """Return what the browser is to make a passkey with, as JSON for our script; with the password only."""
    party = required_party(visit)
    try:
        with visit.reading() as tx:
            passkeys.check_new(tx, visit.person, _name(visit))
        ask_password(visit)
        with visit.changing().begin() as tx:
            challenge = challenges.issue(tx, _PURPOSE, visit.form_token, utc_now())
            asked = passkeys.registration_options(tx, visit.person, party, challenge)
    except ServiceError as error:
        return _page(visit, error)
    return visit.json(asked)


def add(visit: Visit) -> Response:
    """Keep the passkey that the browser has made. The challenge in it stands for the password."""
    party, unit = required_party(visit), visit.changing()
    with visit.changing().begin() as tx:  # on its own: it is good once, whatever comes of it
        challenge = challenges.take(tx, _PURPOSE, visit.form_token, utc_now())
    answer = visit.form.get("credential", "")
    try:
        with unit.begin() as tx:
            codes = second_factors.add_passkey(tx, visit.person, party, challenge, _name(visit), answer, utc_now())
    except ServiceError as error:
        return _page(visit, error)
    return show_codes(visit, codes) if codes else go_back(visit, unit, "/security", "passkey-added")


def ask_removal(visit: Visit, passkey_id: int) -> Response:
    """Ask for the password before a passkey is removed."""
    return _removal(visit, passkey_id)


def remove(visit: Visit, passkey_id: int) -> Response:
    """Remove a passkey."""
    with visit.reading() as tx:
        passkeys.get(tx, visit.person, passkey_id)
    unit = visit.changing()
    try:
        ask_password(visit)
        with unit.begin() as tx:
            second_factors.remove_passkey(tx, visit.person, passkey_id)
    except ServiceError as error:
        if error.code == "not-found":
            raise
        return _removal(visit, passkey_id, error)
    return go_back(visit, unit, "/security", "passkey-removed")


def _page(visit: Visit, error: ServiceError | None = None) -> Response:
    page = visit.page(
        "security_passkey.html",
        HTTPStatus.OK if error is None else error.status,
        party=party_of(visit),
        base_url=visit.site.base_url,
        host=visit.request.headers.get("Host", ""),
        name=visit.form.get("name", ""),
        error=error,
    )
    return page if error is None else with_retry(page, error)


def _removal(visit: Visit, passkey_id: int, error: ServiceError | None = None) -> Response:
    with visit.reading() as tx:
        found = passkeys.get(tx, visit.person, passkey_id)
    return confirm(
        visit,
        error,
        title=f"Remove the passkey “{found.name}”?",
        words="It signs nobody in from then on. The device keeps its half until you delete it there.",
        action=f"/security/passkeys/{passkey_id}/remove",
        button="Remove",
    )


def _name(visit: Visit) -> str:
    return visit.form.get("name", "").strip()


_ONE = "/security/passkeys/{passkey_id:id}/remove"
_HOME = "/security/passkeys/new"
ROUTES = (
    Route("GET", _HOME, show_new, for_set_up=True),
    Route("POST", "/security/passkeys/options", options, home=_HOME, weighs=True, for_set_up=True),
    Route("POST", "/security/passkeys", add, home=_HOME, for_set_up=True),
    Route("GET", _ONE, ask_removal),
    Route("POST", _ONE, remove, home="/security", weighs=True),
)
