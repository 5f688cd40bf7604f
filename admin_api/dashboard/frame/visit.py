"""One request of a browser: who is signed in, what was typed, and its way to the store and to a page."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hmac import compare_digest
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from admin_api.dashboard.frame.assets import ASSETS
from admin_api.dashboard.frame.browser import FORM, HEADERS, SESSION, cookie, is_from_here, set_cookie
from admin_api.dashboard.frame.form import Form
from admin_api.dashboard.frame.navigation import sections
from admin_api.dashboard.frame.rendering import render
from admin_api.dashboard.frame.rights import NOBODY, SETTING_UP, Rights, rights
from admin_api.site import ApiSite, Dashboard
from store.clock import utc_now
from store.errors import ServiceError
from store.services import second_factors, sessions
from store.services.sessions import OWNER, Person, Session
from store.sql.database import Acting, Transaction
from store.unit_of_work.sign_in import acting_as
from store.unit_of_work.unit import UnitOfWork

Query = Mapping[str, str | int]


class NotSignedIn(Exception):
    """The page is for people who are signed in."""


class FormRefused(Exception):
    """The form was not sent by one of our pages, or by one that is too old."""


@dataclass(slots=True)
class Visit:
    """A request. Asks the database; not for the event loop."""

    site: ApiSite
    options: Dashboard
    request: Request
    form: Form  # what was typed; empty for a GET
    session: Session | None = None
    must_set_up: bool = False  # a second factor, before anything else
    crowded: ServiceError | None = None  # too many passwords are being checked
    _form_secret: str | None = field(default=None, init=False)

    def recognise(self) -> None:
        """Find out who is signed in, and note that the session was used. Raises StoreUnavailable."""
        secret = cookie(self.request, SESSION)
        if not secret:
            return
        now = utc_now()
        with self.site.database.read() as tx:
            found = sessions.find(tx, secret, self.options.lifetimes, now)
            if found is not None and self.options.second_factor == "required":
                self.must_set_up = not second_factors.has_any(tx, found.person)
        if found is None or (found.person.role == OWNER and self.options.owners == "off"):
            return
        self.session = found
        sessions.used(self.site.database, found, now)

    @property
    def person(self) -> Person:
        """Who is signed in. Raises NotSignedIn."""
        if self.session is None:
            raise NotSignedIn
        return self.session.person

    @property
    def rights(self) -> Rights:
        """What they may see and do; before signing in, what anyone may."""
        if self.session is None:
            return NOBODY
        return SETTING_UP if self.must_set_up else rights(self.session.person, self.options.owners)

    @property
    def form_token(self) -> str:
        """What every form of this page repeats: the session's own, before signing in that of a cookie."""
        if self.session is not None:
            return self.session.csrf
        self._form_secret = self._form_secret or cookie(self.request, FORM) or secrets.token_urlsafe(32)
        return self._form_secret

    def check_form(self) -> None:
        """Refuse a form that no page of ours has sent. Raises FormRefused."""
        expected = self.session.csrf if self.session is not None else cookie(self.request, FORM)
        shown = self.form.get("csrf", "")
        fits = expected is not None and compare_digest(expected.encode(), shown.encode(errors="replace"))
        if not fits or not is_from_here(self.request, self.site.base_url):
            raise FormRefused

    def check_mailbox(self, mailbox_id: int) -> None:
        """Refuse an owner any other mailbox, as if it were not there. Raises ServiceError ``not-found``."""
        if self.person.mailbox_id not in {None, mailbox_id}:
            raise ServiceError("not-found", f"there is no mailbox {mailbox_id}")

    def require(self, allowed: bool) -> None:
        """Refuse what :attr:`rights` do not hold. Raises ServiceError ``insufficient-scope``."""
        if not allowed:
            raise ServiceError("insufficient-scope", "you may look at this, but not change it")

    def typed(self, name: str, default: str = "") -> str:
        """Return what was typed into a field, also before somebody had to sign in again."""
        return self.form.get(name, self.request.query_params.get(name, default))

    @contextmanager
    def reading(self, within: int | None = None) -> Iterator[Transaction]:
        """Open a read-only transaction that sees what the person may see; an operator's ``within`` one account."""
        with self.site.database.read(self._acting(within)) as tx:
            yield tx

    def changing(self, within: int | None = None) -> UnitOfWork:
        """Return a unit of work for a change by the person; an operator's ``within`` one account."""
        return UnitOfWork(self.site.database, self._acting(within), self.site.wait, self.site.idempotency_lock)

    def _acting(self, within: int | None = None) -> Acting:
        acting = acting_as(self.person, self.request.state.request_id)
        return acting if acting.account_id is not None else replace(acting, account_id=within)

    def url(self, path: str, query: Query | None = None) -> str:
        """Return the address of one of our pages; ``path`` begins with a slash."""
        asked = f"?{urlencode(query)}" if query else ""
        return f"{self.options.path}{path}{asked}"

    def go(self, path: str, query: Query | None = None) -> Response:
        """Send the browser to one of our pages, to be fetched by GET."""
        return RedirectResponse(self.url(path, query), int(HTTPStatus.SEE_OTHER), HEADERS)

    def json(self, text: str) -> Response:
        """Return a JSON text, for our own script."""
        return Response(text, int(HTTPStatus.OK), HEADERS, "application/json")

    def page(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
        """Return a page made from a template."""
        person = None if self.session is None else self.session.person
        common = {
            "brand": self.options.brand,
            "url": self.url,
            "assets": ASSETS,
            "person": person,
            "rights": self.rights,
            "sections": sections(self.rights),
            "here": self.request.url.path.removeprefix(self.options.path),
            "csrf": self.form_token,
        }
        response = HTMLResponse(render(template, **common, **values), int(status), HEADERS)
        if self._form_secret is not None:
            set_cookie(self.request, response, FORM, self._form_secret, 24 * 3600)
        return response
