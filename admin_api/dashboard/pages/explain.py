"""``/test``: what happens to a mail, and why, asked of the code that decides about mail."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.responses import Response

from admin_api import explaining
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.words import verdicts
from admin_api.dashboard.words.verdicts import Answer
from routing.explain import Comparison
from store.errors import ServiceError

_LONGEST = 1000  # characters of an address, as the API takes them
_LARGEST_HEADER = 256_000  # bytes

Asked = Callable[[], Comparison]


def recipient(visit: Visit) -> Response:
    """Show the form for a recipient, and the answer when one is asked about."""
    asked, writer = _typed(visit, "address"), _typed(visit, "from")
    if not asked:
        return _page(visit, "recipient")
    return _answered(visit, "recipient", lambda: _of_recipient(visit, asked, writer))


def sender(visit: Visit) -> Response:
    """Show the form for a login and what it wants to send as, and the answer."""
    login, asked = _typed(visit, "login"), _typed(visit, "from")
    if not (login or asked):
        return _page(visit, "sender")
    return _answered(visit, "sender", lambda: _of_sender(visit, login, asked))


def show_header(visit: Visit) -> Response:
    """Show the form for a header."""
    return _page(visit, "header")


def header(visit: Visit) -> Response:
    """Answer for a header, which is not put into an address: it is long, and private."""
    login, raw = _typed(visit, "login"), visit.form.get("header", "")
    return _answered(visit, "header", lambda: _of_header(visit, login, raw))


def _of_recipient(visit: Visit, asked: str, writer: str) -> Answer:
    _check("address", asked)
    _check("from", writer or "<>")
    site = visit.site.explaining
    wanted = explaining.domains_of_recipient(asked)
    found = _own(visit, wanted, lambda: explaining.explained_recipient(site, asked, writer or None))
    return verdicts.of_recipient(found, asked)


def _of_sender(visit: Visit, login: str, asked: str) -> Answer:
    _check("login", login)
    _check("from", asked)
    site = visit.site.explaining
    wanted = explaining.domains_of_sender(site.policy, login, asked)
    found = _own(visit, wanted, lambda: explaining.explained_sender(site, login, asked))
    return verdicts.of_sender(found, login, asked)


def _of_header(visit: Visit, login: str, raw: str) -> Answer:
    _check("login", login)
    if not raw.strip():
        raise ServiceError("invalid-request", "paste the header of a message", field="header")
    site = visit.site.explaining
    wanted = explaining.domains_of_login(site.policy, login)
    found = _own(visit, wanted, lambda: explaining.explained_message(site, login, raw.encode("utf-8", "replace")))
    return verdicts.of_message(found, login)


def _own(visit: Visit, wanted: set[str], ask: Asked) -> Comparison:
    """Ask, once it is known that the domains are the account's; an operator may ask about all."""
    if visit.person.account_id is None:
        return ask()
    with visit.reading() as tx:
        explaining.require_own(tx, wanted)
    return explaining.without_foreign(ask(), visit.site.explaining.policy, wanted)


def _answered(visit: Visit, kind: str, answer: Callable[[], Answer]) -> Response:
    try:
        return _page(visit, kind, answer=answer())
    except ServiceError as error:
        return _page(visit, kind, error)


def _check(field: str, text: str) -> None:
    if not text:
        raise ServiceError("invalid-request", "this is needed", field=field)
    if len(text) > _LONGEST:
        raise ServiceError("invalid-request", f"an address has at most {_LONGEST} characters", field=field)


def _typed(visit: Visit, name: str) -> str:
    return visit.typed(name).strip()


def _page(visit: Visit, kind: str, error: ServiceError | None = None, answer: Answer | None = None) -> Response:
    return visit.page(
        "test.html",
        HTTPStatus.OK if error is None else error.status,
        kind=kind,
        typed={name: visit.typed(name) for name in ("address", "login", "from", "header")},
        error=error,
        answer=answer,
    )


ROUTES = (
    Route("GET", "/test", recipient, "admins"),
    Route("GET", "/test/sender", sender, "admins"),
    Route("GET", "/test/header", show_header, "admins"),
    Route(
        "POST", "/test/header", header, "admins", home="/test/header", keeps=("login",), largest_form=_LARGEST_HEADER
    ),
)
