"""``/mailboxes/{id}/connection/password-manager``: what a password manager needs to get addresses of this mailbox."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.page_number import page_number
from store.errors import ServiceError
from store.services import account_settings, accounts, domains, mailbox_facts, mailboxes, random_aliases, tokens
from store.services.scopes import MESSAGE
from store.services.tokens import NewToken
from store.sql.database import Transaction

SCOPE = "aliases:write"
DEFAULT_NAME = "Password manager"

_PATH = "/mailboxes/{mailbox_id:id}/connection/password-manager"


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows beside what is there."""

    error: ServiceError | None = None
    made: NewToken | None = field(default=None, repr=False)


def show(visit: Visit, mailbox_id: int) -> Response:
    """Show the page."""
    return _page(visit, mailbox_id, _Shown())


def change(visit: Visit, mailbox_id: int) -> Response:
    """Do what one of the page's forms asks."""
    visit.check_mailbox(mailbox_id)
    asked = _ACTIONS.get(visit.form.get("action", ""))
    if asked is None:
        raise ServiceError("invalid-request", "there is no such button")
    try:
        return asked(visit, mailbox_id)
    except ServiceError as error:
        if error.code in {"not-found", "insufficient-scope"}:
            raise
        return _page(visit, mailbox_id, _Shown(error))


def _make(visit: Visit, mailbox_id: int) -> Response:
    """Make a token. The answer itself holds the secret, which is to be had nowhere else."""
    visit.require(visit.rights.manage)
    name, after = visit.typed("name").strip(), page_number(visit.form.get("after", ""), 0)
    with visit.changing().begin() as tx:
        if any(token.id > after for token in tokens.of_mailbox(tx, mailbox_id)):
            message = "a token was made after this page was opened, perhaps by this very form"
            raise ServiceError("conflict", message, field="name", hint="revoke it if its secret is lost")
        made = tokens.create(
            tx, name=name, kind=MESSAGE, prefixes=visit.site.token_prefixes, mailbox=mailbox_id, scopes=[SCOPE]
        )
    return _page(visit, mailbox_id, _Shown(made=made))


def _revoke(visit: Visit, mailbox_id: int) -> Response:
    visit.require(visit.rights.manage)
    wanted, unit = page_number(visit.form.get("token", ""), 0), visit.changing()
    with unit.begin() as tx:
        if all(token.id != wanted for token in _tokens(tx, mailbox_id)):
            raise ServiceError("not-found", f"there is no token {wanted}")
        tokens.remove(tx, wanted)
    return go_back(visit, unit, path(mailbox_id), "revoked", wanted)


def _choose(visit: Visit, mailbox_id: int) -> Response:
    """Choose the domain of new addresses, for the whole account."""
    visit.require(visit.rights.administer)
    unit = visit.changing()
    with unit.begin() as tx:
        account = mailbox_facts.accounts(tx, {domain_id := mailboxes.get(tx, mailbox_id).domain_id})[domain_id]
        chosen = page_number(visit.form.get("domain", ""), 0) or None
        account_settings.update(tx, account, random_alias_domain_id=chosen)
    return go_back(visit, unit, path(mailbox_id), "domain")


def _tokens(tx: Transaction, mailbox_id: int) -> list[tokens.TokenView]:
    """Return the tokens that are for password managers and for nothing else."""
    return [token for token in tokens.of_mailbox(tx, mailbox_id) if token.scopes == (SCOPE,)]


def _page(visit: Visit, mailbox_id: int, shown: _Shown) -> Response:
    visit.check_mailbox(mailbox_id)
    with visit.reading() as tx:
        mailbox = mailboxes.get(tx, mailbox_id)
        account = mailbox_facts.accounts(tx, {mailbox.domain_id})[mailbox.domain_id]
        found, latest = _tokens(tx, mailbox_id), max((one.id for one in tokens.of_mailbox(tx, mailbox_id)), default=0)
        all_domains = [one for one in domains.list_all(tx, account=account) if one.status == "active"]
        home = domains.get(tx, random_aliases.default_domain(tx, mailbox_id)).name
        chosen = accounts.get(tx, account).random_alias_domain_id
    values: dict[str, Any] = {"mailbox": mailbox, "found": found, "latest": latest, "home": home, "chosen": chosen}
    return visit.page(
        "password_manager.html",
        _status(shown),
        **values,
        domains=all_domains,
        base_url=base_url(visit),
        typed_name=visit.typed("name", DEFAULT_NAME),
        error=shown.error,
        made=shown.made,
        done=None if shown.error or shown.made else outcome(visit),
    )


def _status(shown: _Shown) -> int:
    if shown.error is not None:
        return shown.error.status
    return int(HTTPStatus.OK if shown.made is None else HTTPStatus.CREATED)


def base_url(visit: Visit) -> str:
    """Return where the API is: as the operator says, else where this page is."""
    asked = visit.request.url
    return (visit.site.base_url or f"{asked.scheme}://{asked.netloc}").rstrip("/")


def path(mailbox_id: int) -> str:
    """Return where the page of a mailbox is."""
    return f"/mailboxes/{mailbox_id}/connection/password-manager"


# What the page's forms send as ``action``: what is done then.
_ACTIONS: Mapping[str, Callable[[Visit, int], Response]] = MappingProxyType(
    {"make": _make, "revoke": _revoke, "domain": _choose}
)
ROUTES = (
    Route("GET", _PATH, show),
    Route("POST", _PATH, change, home="/mailboxes/{mailbox_id}/connection/password-manager", keeps=("name",)),
)
