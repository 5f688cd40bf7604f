"""``/account/tokens`` and its like for operators: by what programs act, made, listed and revoked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.desk import Desk, at_each_desk, desk
from admin_api.dashboard.pages.page_number import page_count, page_number
from store.clock import utc_now
from store.errors import ServiceError
from store.services import mailboxes, tokens
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR, SCOPES, effective
from store.services.tokens import NewToken, TokenView
from store.sql.database import Transaction

PER_PAGE = 50

# A scope in plain words; what it implies (store.services.scopes.IMPLIED) is said with it.
SCOPE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "domains:read": "See domains and their DNS",
        "domains:write": "See, add, change and remove domains",
        "mailboxes:read": "See mailboxes, with their aliases and filters",
        "mailboxes:write": "See, add, change and remove mailboxes, with their aliases and filters",
        "aliases:read": "See aliases",
        "aliases:write": "See, add, change and delete aliases",
        "rules:read": "See filters",
        "rules:write": "See and change filters",
        "messages:send": "Send messages",
        "tokens:write": "See, make and revoke tokens",
    }
)
KIND_WORDS: Mapping[str, str] = MappingProxyType(
    {ACCOUNT: "Whole account", MESSAGE: "One mailbox", OPERATOR: "All accounts"}
)
# What the list of a form sends: its word, and days.
EXPIRIES: Mapping[str, tuple[str, int | None]] = MappingProxyType(
    {
        "30": ("In 30 days", 30), "90": ("In 90 days", 90), "365": ("In a year", 365), "never": ("Never", None),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Typed:
    """The New Token form as it was filled in."""

    kind: str
    name: str = ""
    mailbox: str = ""
    expires: str = "90"
    scopes: tuple[str, ...] = ()
    everything: bool = False
    after: int = 0  # id of the latest token when the form was made: what comes later by the same name is a repeat of it

    @classmethod
    def of(cls, visit: Visit, at: Desk) -> "Typed":
        """Return what a form, or an address that keeps one, holds."""
        return cls(
            _kind(visit.typed("kind"), at),
            visit.typed("name").strip(),
            visit.typed("mailbox").strip(),
            visit.typed("expires", "90"),
            tuple(visit.form.all("scope")),
            visit.typed("everything") == "on",
            page_number(visit.form.get("after", ""), 0),
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows beside the list."""

    typed: Typed
    error: ServiceError | None = None
    made: NewToken | None = field(default=None, repr=False)


def show_list(visit: Visit, account_id: int | None = None) -> Response:
    """Show tokens."""
    at = desk(visit, account_id)
    return _page(visit, at, Shown(Typed.of(visit, at)))


def make(visit: Visit, account_id: int | None = None) -> Response:
    """Take the form. The answer itself holds the secret, which is to be had nowhere else; no address leads to it."""
    at = desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    typed = Typed.of(visit, at)
    try:
        with visit.changing(at.account_id).begin() as tx:
            made = _make(tx, visit, at, typed)
    except ServiceError as error:
        return _page(visit, at, Shown(typed, error))
    return _page(visit, at, Shown(Typed(typed.kind), made=made))


def ask(visit: Visit, token_id: int, account_id: int | None = None) -> Response:
    """Ask whether a token is to be revoked."""
    at = desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    with visit.reading(at.account_id) as tx:
        found = _one(tx, at, token_id)
    return visit.page("revoke.html", desk=at, token=found)


def revoke(visit: Visit, token_id: int, account_id: int | None = None) -> Response:
    """Revoke a token."""
    at = desk(visit, account_id)
    visit.require(at.may_change(visit.rights))
    unit = visit.changing(at.account_id)
    with unit.begin() as tx:
        tokens.remove(tx, _one(tx, at, token_id).id)
    return go_back(visit, unit, at.path("/tokens"), "revoked", token_id)


def _make(tx: Transaction, visit: Visit, at: Desk, typed: Typed) -> NewToken:
    if tokens.latest(tx, account=at.account_id, name=typed.name) > typed.after:
        message = "a token of this name was made after this page was opened, perhaps by this very form"
        raise ServiceError(
            "conflict", message, field="name", hint="revoke it if its secret is lost, or choose another name"
        )
    return tokens.create(
        tx,
        name=typed.name,
        kind=typed.kind,
        prefixes=visit.site.token_prefixes,
        scopes=None if typed.everything else typed.scopes,
        account=at.account_id if typed.kind == ACCOUNT else None,
        mailbox=typed.mailbox if typed.kind == MESSAGE else None,
        expires_at=_expiry(typed.expires),
    )


def _expiry(chosen: str) -> datetime | None:
    if chosen not in EXPIRIES:
        raise ServiceError("invalid-request", "choose when the token expires", field="expires")
    days = EXPIRIES[chosen][1]
    return None if days is None else utc_now() + timedelta(days=days)


def _one(tx: Transaction, at: Desk, token_id: int) -> TokenView:
    """Return a token of this desk. Raises ServiceError ``not-found`` for any other."""
    found = tokens.get(tx, token_id)
    if found.account_id != at.account_id:
        raise ServiceError("not-found", f"there is no token {token_id}")
    return found


def _kind(typed: str, at: Desk) -> str:
    if at.account is None:
        return OPERATOR
    return MESSAGE if typed == MESSAGE else ACCOUNT


def _said(scopes: Sequence[str]) -> list[str]:
    """Return the scopes whose words say those that they imply as well."""
    implied = {more for scope in scopes for more in effective([scope]) - {scope}}
    return [scope for scope in scopes if scope not in implied]


def _page(visit: Visit, at: Desk, shown: Shown) -> Response:
    number = page_number(visit.request.query_params.get("page", ""))
    with visit.reading(at.account_id) as tx:
        found = tokens.page(tx, page=number, per_page=PER_PAGE, account=at.account_id)
        latest = tokens.latest(tx, account=at.account_id)
        addresses = mailboxes.addresses(tx, {token.mailbox_id for token in found.items if token.mailbox_id})
    typed, asked = shown.typed, "kind" in visit.request.query_params
    status = HTTPStatus.OK if shown.made is None else HTTPStatus.CREATED
    return visit.page(
        "tokens.html",
        status if shown.error is None else shown.error.status,
        desk=at,
        may_change=at.may_change(visit.rights),
        found=found,
        number=number,
        pages=page_count(found.total, PER_PAGE),
        after=typed.after if shown.error else latest,
        now=utc_now(),
        done=None if shown.error else outcome(visit),
        typed=typed,
        is_open=bool(shown.error or typed.name or asked or not found.items),
        error=shown.error,
        made=shown.made,
        addresses=addresses,
        all_scopes=SCOPES,
        said=_said,
        scope_words=SCOPE_WORDS,
        kind_words=KIND_WORDS,
        expiries=EXPIRIES,
    )


_ONE = "/tokens/{token_id:id}/revoke"
ROUTES = (
    *at_each_desk("GET", "/tokens", show_list),
    *at_each_desk("POST", "/tokens", make, "/tokens", ("kind", "name", "mailbox", "expires", "everything")),
    *at_each_desk("GET", _ONE, ask),
    *at_each_desk("POST", _ONE, revoke, "/tokens"),
)
