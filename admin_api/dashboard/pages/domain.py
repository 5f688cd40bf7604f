"""``/domains/{id}``: one domain, its DNS records, where its other mail goes, switching it off and removing it."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.words.domain_states import PURPOSES, RECORD_STATES, state
from store.clock import utc_now
from store.errors import ServiceError
from store.services import accounts, domain_settings, domains, mailboxes
from store.services.domain_checks import checks, requirements
from store.services.domain_contents import contents
from store.services.views import Domain
from store.sql.database import Transaction

_SUGGESTED = 100  # mailboxes
_SWITCHES: Mapping[str, bool] = MappingProxyType({"on": True, "off": False})


def show(visit: Visit, domain_id: int) -> Response:
    """Show a domain."""
    return _page(visit, domain_id)


def recheck(visit: Visit, domain_id: int) -> Response:
    """Have its records checked. The page turns when that is done."""
    visit.require(visit.rights.administer)
    unit = visit.changing()
    try:
        with unit.begin() as tx:
            check = checks.request(tx, domain_id, utc_now())
    except ServiceError as error:
        return _page(visit, domain_id, _beside("recheck", error))
    visit.site.dns.recheck(check.id)
    return go_back(visit, unit, _path(domain_id), "asked", check.id)


def switch(visit: Visit, domain_id: int) -> Response:
    """Switch it off, or on again."""
    visit.require(visit.rights.administer)
    wanted = _SWITCHES.get(visit.form.get("action", ""))
    if wanted is None:
        raise ServiceError("invalid-request", "there is no such button")
    return _change(visit, domain_id, "switch", is_active=wanted)


def choose_catch_all(visit: Visit, domain_id: int) -> Response:
    """Choose the mailbox for names that nobody has, or none."""
    visit.require(visit.rights.administer)
    unit = visit.changing()
    wanted = {"enabled": False} if visit.form.get("action") == "off" else _destination(visit)
    try:
        with unit.begin() as tx:
            domain_settings.set_catch_all(tx, domain_id, **wanted)
    except ServiceError as error:
        return _page(visit, domain_id, _beside("catch_all", error))
    return go_back(visit, unit, _path(domain_id), "changed", domain_id)


def choose_system_mailbox(visit: Visit, domain_id: int) -> Response:
    """Choose the mailbox for postmaster and the like; an empty field leaves it to the domain's oldest one."""
    visit.require(visit.rights.administer)
    typed = visit.typed("system_mailbox").strip()
    wanted = {"system_mailbox": typed} if typed else {"no_system_mailbox": True}
    return _change(visit, domain_id, "system_mailbox", **wanted)


def ask_removal(visit: Visit, domain_id: int) -> Response:
    """Say what goes with a domain, and ask."""
    visit.require(visit.rights.administer)
    return _question(visit, domain_id)


def remove(visit: Visit, domain_id: int) -> Response:
    """Remove a domain; with the names in it only when that was said."""
    visit.require(visit.rights.administer)
    unit = visit.changing()
    try:
        with unit.begin() as tx:
            domains.remove(tx, domain_id, confirmed=visit.form.get("confirmed") == "yes")
    except ServiceError as error:
        return _question(visit, domain_id, error)
    return go_back(visit, unit, "/domains", "deleted", domain_id)


def _change(visit: Visit, domain_id: int, field: str, **wanted: Any) -> Response:
    unit = visit.changing()
    try:
        with unit.begin() as tx:
            domain_settings.update(tx, domain_id, **wanted)
    except ServiceError as error:
        return _page(visit, domain_id, _beside(field, error))
    return go_back(visit, unit, _path(domain_id), "changed", domain_id)


def _destination(visit: Visit) -> dict[str, Any]:
    return {"enabled": True, "destination": visit.typed("catch_all").strip() or None}


def _beside(field: str, error: ServiceError) -> ServiceError:
    """Return a refusal as the one of a field of this page. Raises it when the domain is not there."""
    if error.code == "not-found":
        raise error
    return ServiceError(error.code, error.message, field=field, hint=error.hint)


def _page(visit: Visit, domain_id: int, error: ServiceError | None = None) -> Response:
    dns = visit.site.dns
    with visit.reading() as tx:
        found = requirements.required(tx, domain_id, dns.expected, dns.nameservers)
        is_checking = checks.under_way(tx, domain_id, utc_now())
        suggested = _suggested(visit, tx, found.domain) if visit.rights.administer else []
        is_suspended = not accounts.get(tx, found.domain.account).is_active
        catch_all_sleeps = _is_paused(tx, found.domain.catch_all.destination)
    domain = found.domain
    return visit.page(
        "domain.html",
        HTTPStatus.OK if error is None else error.status,
        domain=domain,
        state=state(domain, found.records, is_suspended=is_suspended),
        records=found.records,
        checked_at=found.checked_at,
        warnings=found.warnings,
        is_checking=is_checking,
        catch_all_sleeps=catch_all_sleeps,
        suggested=suggested,
        system_names=_system_names(visit),
        purposes=PURPOSES,
        record_states=RECORD_STATES,
        typed={
            "catch_all": visit.typed("catch_all", domain.catch_all.destination or ""),
            "system_mailbox": visit.typed("system_mailbox", domain.system_mailbox or ""),
        },
        error=error,
        done=None if error else outcome(visit),
    )


def _question(visit: Visit, domain_id: int, error: ServiceError | None = None) -> Response:
    with visit.reading() as tx:
        domain = domains.get(tx, domain_id)
        held = contents(tx, domain_id)
    status = HTTPStatus.OK if error is None else error.status
    return visit.page("domain_delete.html", status, domain=domain, held=held, error=error)


def _suggested(visit: Visit, tx: Transaction, domain: Domain) -> list[str]:
    """Return some mailboxes to choose from: of the account, or for an operator, who sees all, of the domain."""
    wanted = domain.id if visit.person.account_id is None else None
    return [mailbox.address for mailbox in mailboxes.page(tx, per_page=_SUGGESTED, domain=wanted).items]


def _is_paused(tx: Transaction, address: str | None) -> bool:
    return address is not None and not mailboxes.get(tx, address).is_active


def _system_names(visit: Visit) -> list[str]:
    return ["postmaster", *sorted(visit.site.explaining.policy.system_addresses - {"postmaster"})]


def _path(domain_id: int) -> str:
    return f"/domains/{domain_id}"


_ONE, _HOME = "/domains/{domain_id:id}", "/domains/{domain_id}"
ROUTES = (
    Route("GET", _ONE, show, "admins"),
    Route("POST", _ONE, switch, "admins", home=_HOME),
    Route("POST", f"{_ONE}/recheck", recheck, "admins", home=_HOME),
    Route("POST", f"{_ONE}/catch-all", choose_catch_all, "admins", home=_HOME, keeps=("catch_all",)),
    Route("POST", f"{_ONE}/system-mailbox", choose_system_mailbox, "admins", home=_HOME, keeps=("system_mailbox",)),
    Route("GET", f"{_ONE}/delete", ask_removal, "admins"),
    Route("POST", f"{_ONE}/delete", remove, "admins", home=f"{_HOME}/delete"),
)
