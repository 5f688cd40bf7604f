"""``/mailboxes/{id}/aliases/{alias_id}/senders``: from whom one alias takes mail, and the button that blocks one."""

import re
from dataclasses import replace

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages import alias_list
from admin_api.dashboard.pages.alias_list import HERE, HOME
from store.errors import ServiceError
from store.services import aliases, sender_lists
from store.services.views import EVERYONE, Senders

_LARGEST = 64_000  # bytes: five hundred entries, percent-encoded
_SEPARATOR = re.compile(r"[\s,;]+")
_ENTRY = re.compile(r"senders/entries/[0-9]+")


def ask(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Show the form."""
    return _form(visit, mailbox_id, alias_id)


def save(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Take the form."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    wanted, unit = _typed(visit), visit.changing()
    try:
        sender_lists.check_verifier(wanted, visit.site.explaining.policy.authserv_ids)
        with unit.begin() as tx:
            aliases.update(tx, alias_id, mailbox=mailbox_id, senders=wanted)
    except ServiceError as error:
        return _form(visit, mailbox_id, alias_id, wanted, error)
    return alias_list.back(visit, unit, mailbox_id, "changed", alias_id)


def block(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Take no more mail from one of those who wrote."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    unit = visit.changing()
    try:
        with unit.begin() as tx:
            aliases.block(tx, alias_id, visit.form.get("sender", ""), mailbox=mailbox_id)
    except ServiceError as error:
        return _form(visit, mailbox_id, alias_id, error=replace_field(error))
    return go_back(visit, unit, f"{alias_list.path(mailbox_id)}/{alias_id}/mail", "blocked", alias_id)


def go_to_form(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Lead to the form from the address of the button."""
    return visit.go(f"{alias_list.path(mailbox_id)}/{alias_id}/senders")


def replace_field(error: ServiceError) -> ServiceError:
    """Return a refusal as one of the form's own fields, where the fault is in the list."""
    error.field = {"sender": "entries", "senders/entries": "entries", "senders/mode": "mode"}.get(
        error.field or "", error.field
    )
    if error.field and _ENTRY.fullmatch(error.field):
        error.field = "entries"
    if error.field == "senders/require_authenticated":
        error.field = "authenticated"
    return error


def _typed(visit: Visit) -> Senders:
    """Return what was filled in; of everyone there is no list, whatever still stands in it."""
    entries = tuple(word for word in _SEPARATOR.split(visit.form.get("entries", "")) if word)
    typed = Senders(visit.form.get("mode", ""), entries, visit.form.get("authenticated") == "on")
    return replace(typed, entries=()) if typed.mode == EVERYONE.mode else typed


def _form(
    visit: Visit, mailbox_id: int, alias_id: int, typed: Senders | None = None, error: ServiceError | None = None
) -> Response:
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    try:
        with visit.reading() as tx:
            alias = aliases.get(tx, alias_id, mailbox=mailbox_id)
    except ServiceError as missing:
        return alias_list.not_there(visit, mailbox_id, missing)
    return visit.page(
        "alias_senders.html",
        error.status if error else 200,
        alias=alias,
        typed=typed or alias.senders,
        has_verifier=bool(visit.site.explaining.policy.authserv_ids),
        error=replace_field(error) if error else None,
    )


_SENDERS = f"{HERE}/{{alias_id:id}}/senders"
ROUTES = (
    Route("GET", _SENDERS, ask),
    Route("POST", _SENDERS, save, home=f"{HOME}/{{alias_id}}/senders", largest_form=_LARGEST),
    Route("GET", f"{_SENDERS}/block", go_to_form),
    Route("POST", f"{_SENDERS}/block", block, home=f"{HOME}/{{alias_id}}/mail"),
)
