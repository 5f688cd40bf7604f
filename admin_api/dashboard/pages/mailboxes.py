"""``/mailboxes``: all mailboxes that an admin sees, with a search, and New mailbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.mailbox_list import HEADS, LONGEST_SEARCH, PER_PAGE, Wanted
from admin_api.dashboard.pages.passwords import GENERATED, Chosen, chosen
from store.errors import ServiceError
from store.services import alias_facts, mailbox_facts, mailboxes
from store.services.lookup import Ref
from store.services.mailbox_facts import Home
from store.services.names import check_local_part, domain_name
from store.services.paging import Page
from store.services.views import Mailbox
from store.sql.database import Transaction
from store.unit_of_work.unit import UnitOfWork

_MOST_HOMES = 300  # domains in one list to choose from; with more their name is typed
_PATH = "/mailboxes"


@dataclass(frozen=True, slots=True)
class Typed:
    """The form for a new mailbox as it was filled in; its password is never kept."""

    local_part: str = ""
    domain_id: str = ""
    display_name: str = ""
    password_mode: str = GENERATED

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Typed":
        """Return what a form, or an address that keeps one, holds."""
        mode = fields.get("password_mode", GENERATED)
        return cls(fields.get("local_part", ""), fields.get("domain_id", ""), fields.get("display_name", ""), mode)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A part of the list, with what stands beside each mailbox."""

    found: Page[Mailbox] = field(default_factory=lambda: Page([], 0))
    limits: Mapping[int, int] = field(default_factory=dict)
    accounts: Mapping[int, str] = field(default_factory=dict)
    refusal: ServiceError | None = None


@dataclass(frozen=True, slots=True)
class _Made:
    """A mailbox that was just made, and its password if nobody knows it yet."""

    mailbox: Mailbox
    password: str
    is_live: bool
    query: Mapping[str, str | int]  # of the page that says when it is live


def show_list(visit: Visit) -> Response:
    """Show the mailboxes; an owner has one, and gets its aliases."""
    if visit.person.mailbox_id is not None:
        return visit.go(f"/mailboxes/{visit.person.mailbox_id}/aliases")
    query = visit.request.query_params
    return _page(visit, Typed.of(query) if "local_part" in query else None)


def add(visit: Visit) -> Response:
    """Take the form for a new mailbox."""
    visit.require(visit.rights.administer)
    typed, unit = Typed.of(visit.form), visit.changing()
    try:
        check_local_part(typed.local_part, visit.site.system_names)  # what stands first in the form, first
        given = chosen(visit.form)
        made = _make(visit, unit, typed, given)
    except ServiceError as error:
        return _page(visit, typed, error=error)
    if given.shown is None:
        return go_back(visit, unit, _PATH, "made", made.id)
    return _show_password(visit, unit, made, given.shown)


def _make(visit: Visit, unit: UnitOfWork, typed: Typed, given: Chosen) -> Mailbox:
    with unit.begin() as tx:
        return mailboxes.create(
            tx,
            typed.local_part,
            _domain(typed.domain_id),
            given.hashed,
            display_name=typed.display_name,
            system_names=visit.site.system_names,
        )


def _show_password(visit: Visit, unit: UnitOfWork, mailbox: Mailbox, password: str) -> Response:
    query: dict[str, str | int] = {"done": "made", "id": mailbox.id, "version": unit.version or 0}
    made = _Made(mailbox, password, unit.propagation() == "live", query)
    return _page(visit, made=made)


def _page(
    visit: Visit, typed: Typed | None = None, *, error: ServiceError | None = None, made: _Made | None = None
) -> Response:
    wanted = Wanted.of(visit.request.query_params)
    done = None if error or made else outcome(visit)
    with visit.reading() as tx:
        homes = mailbox_facts.homes(tx, _MOST_HOMES)
        listed = _listed(tx, wanted, sees_all=visit.person.account_id is None)
        new = _if_there(tx, done.id) if done is not None and done.what == "made" and done.id else None
        taken = _if_there(tx, _address(typed, homes)) if error and error.code == "address-taken" and typed else None
    values: dict[str, Any] = {"done": done, "new": new, "made": made, "taken": taken, "error": error}
    is_empty = not (listed.found.total or wanted.is_narrowed or listed.refusal)
    values |= {"is_open": typed is not None or new is not None or is_empty}
    values |= {"typed": typed or _next_one(wanted, new or (made.mailbox if made else None))}
    values |= {"wanted": wanted, "homes": homes, "heads": HEADS, "longest": LONGEST_SEARCH, "listed": listed}
    values |= {"pages": max(1, -(-listed.found.total // PER_PAGE))}
    return visit.page("mailboxes.html", _status(error, made, listed), **values)


def _next_one(wanted: Wanted, last: Mailbox | None) -> Typed:
    """Return the form for a further mailbox: at the domain of the last one, or of the list."""
    return Typed(domain_id=wanted.domain if last is None else str(last.domain_id))


def _listed(tx: Transaction, wanted: Wanted, *, sees_all: bool) -> _Listed:
    try:
        found = _find(tx, wanted)
    except ServiceError as error:
        return _Listed(refusal=error)
    at = {mailbox.domain_id for mailbox in found.items}
    accounts = mailbox_facts.accounts(tx, at) if sees_all else {}
    return _Listed(found, alias_facts.limits(tx, at), accounts)


def _find(tx: Transaction, wanted: Wanted) -> Page[Mailbox]:
    if len(wanted.search) > LONGEST_SEARCH:
        raise ServiceError(
            "invalid-request", f"the search must have at most {LONGEST_SEARCH} characters", field="search"
        )
    domain = _ref(wanted.domain) if wanted.domain else None
    search = wanted.search or None
    return mailboxes.page(tx, page=wanted.page, per_page=PER_PAGE, search=search, domain=domain, order=wanted.order)


def _if_there(tx: Transaction, ref: Ref | None) -> Mailbox | None:
    try:
        return None if ref is None else mailboxes.get(tx, ref)
    except ServiceError:
        return None


def _address(typed: Typed, homes: list[Home] | None) -> str | None:
    names = {str(home.id): home.name for home in homes or []}
    domain = names.get(typed.domain_id, typed.domain_id)
    return f"{typed.local_part}@{domain}"


def _domain(text: str) -> Ref:
    if not text.strip():
        raise ServiceError("invalid-request", "choose a domain", field="domain_id")
    try:
        return _ref(text.strip())
    except ServiceError as error:
        raise ServiceError(error.code, error.message, field="domain_id") from None


def _ref(text: str) -> Ref:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else domain_name(text)


def _status(error: ServiceError | None, made: _Made | None, listed: _Listed) -> int:
    refusal = error or listed.refusal
    if refusal is not None:
        return refusal.status
    return HTTPStatus.OK if made is None else HTTPStatus.CREATED


_KEPT = ("local_part", "domain_id", "display_name", "password_mode")
ROUTES = (
    Route("GET", _PATH, show_list),
    Route("POST", _PATH, add, "admins", home=_PATH, keeps=_KEPT),
)
