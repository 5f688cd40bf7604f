"""``/security/app`` and ``/security/codes``: an authenticator app, and the recovery codes."""

from http import HTTPStatus

import segno
from markupsafe import Markup
from starlette.responses import Response

from admin_api.dashboard.frame.browser import client_address
from admin_api.dashboard.frame.outcome import go_back, with_retry
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from store.clock import utc_now
from store.errors import ServiceError
from store.services import second_factors, totp
from store.unit_of_work.password_check import check_password


def show_app(visit: Visit) -> Response:
    """Show a new secret, for an app to take in."""
    check_offered(visit)
    with visit.reading() as tx:
        if totp.created_at(tx, visit.person) is not None:
            return visit.go("/security")
    return _app_page(visit, totp.new_secret())


def add_app(visit: Visit) -> Response:
    """Switch the app on, once it has shown by a code that it has the secret."""
    check_offered(visit)
    secret = visit.form.get("secret", "")
    unit = visit.changing()
    try:
        ask_password(visit)
        with unit.begin() as tx:
            code = "".join(visit.form.get("code", "").split())
            codes = second_factors.add_app(tx, visit.person, secret, code, utc_now())
    except ServiceError as error:
        return _app_page(visit, secret if totp.is_secret(secret) else totp.new_secret(), error)
    return show_codes(visit, codes) if codes else go_back(visit, unit, "/security", "app-added")


def ask_removal(visit: Visit) -> Response:
    """Ask for the password before the app is switched off."""
    return _removal(visit)


def remove_app(visit: Visit) -> Response:
    """Switch the app off."""
    unit = visit.changing()
    try:
        ask_password(visit)
        with unit.begin() as tx:
            second_factors.remove_app(tx, visit.person)
    except ServiceError as error:
        return _removal(visit, error)
    return go_back(visit, unit, "/security", "app-removed")


def ask_renewal(visit: Visit) -> Response:
    """Ask for the password before new codes are shown."""
    return _renewal(visit)


def renew_codes(visit: Visit) -> Response:
    """Make new recovery codes, and show them."""
    try:
        ask_password(visit)
        with visit.changing().begin() as tx:
            codes = second_factors.renew_codes(tx, visit.person)
    except ServiceError as error:
        return _renewal(visit, error)
    return show_codes(visit, codes)


def check_offered(visit: Visit) -> None:
    """Refuse where this site has no second factors. Raises ServiceError ``not-found``."""
    if visit.options.second_factor == "off":
        raise ServiceError("not-found", "there is no second factor here")


def ask_password(visit: Visit) -> None:
    """Refuse a form without the right password. Raises ServiceError."""
    check_password(visit.site.database, visit.person, visit.form.get("password", ""), client_address(visit.request))


def show_codes(visit: Visit, codes: list[str]) -> Response:
    """Show recovery codes, this once."""
    visit.must_set_up = False
    return visit.page("security_codes.html", codes=codes)


def confirm(visit: Visit, error: ServiceError | None, **values: str) -> Response:
    """Show a question that is answered with the password."""
    page = visit.page("security_confirm.html", HTTPStatus.OK if error is None else error.status, error=error, **values)
    return page if error is None else with_retry(page, error)


def _app_page(visit: Visit, secret: str, error: ServiceError | None = None) -> Response:
    code = segno.make_qr(totp.uri(secret, visit.person.address, visit.options.brand), error="m")
    # Colours of its own, for cameras, and no style attribute, which the pages' policy would not let through.
    drawn = code.svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None)
    page = visit.page(
        "security_app.html",
        HTTPStatus.OK if error is None else error.status,
        secret=secret,
        image=Markup(drawn),  # noqa: S704 - segno's own drawing: paths, no text
        code=visit.form.get("code", ""),
        error=error,
    )
    return page if error is None else with_retry(page, error)


def _removal(visit: Visit, error: ServiceError | None = None) -> Response:
    return confirm(
        visit,
        error,
        title="Remove the authenticator app?",
        words="Its codes are worth nothing from then on. Remove its entry in the app afterwards.",
        action="/security/app/remove",
        button="Remove",
    )


def _renewal(visit: Visit, error: ServiceError | None = None) -> Response:
    return confirm(
        visit,
        error,
        title="Make new recovery codes?",
        words="You get ten new codes. The old ones are worth nothing from then on.",
        action="/security/codes",
        button="Make new codes",
    )


_HOME = "/security"
ROUTES = (
    Route("GET", "/security/app", show_app, for_set_up=True),
    Route("POST", "/security/app", add_app, home=_HOME, weighs=True, for_set_up=True),
    Route("GET", "/security/app/remove", ask_removal),
    Route("POST", "/security/app/remove", remove_app, home=_HOME, weighs=True),
    Route("GET", "/security/codes", ask_renewal),
    Route("POST", "/security/codes", renew_codes, home=_HOME, weighs=True),
)
