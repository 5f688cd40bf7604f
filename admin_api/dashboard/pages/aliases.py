"""``/mailboxes/{id}/aliases``: the aliases of a mailbox, made, switched and deleted one by one."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.responses import Response

from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages import alias_list
from admin_api.dashboard.pages.alias_form import KEEPS, Typed, domain_id
from admin_api.dashboard.pages.alias_list import HERE, HOME
from store.errors import ServiceError
from store.services import alias_facts, aliases, mailboxes
from store.services.filters.naming import naming_alias

# What a button of a row, or of the bar for ticked rows, sends: the state that is wanted, so that pressing it twice, or
# in two browsers, does no harm.
CHANGES: Mapping[str, Mapping[str, bool]] = MappingProxyType(
    {
        "enable": {"is_active": True},
        "disable": {"is_active": False},
        "receive-on": {"can_receive": True},
        "receive-off": {"can_receive": False},
        "send-on": {"can_send": True},
        "send-off": {"can_send": False},
    }
)


def show_list(visit: Visit, mailbox_id: int) -> Response:
    """Show the aliases of a mailbox."""
    query = visit.request.query_params
    kept = Typed.of(query) if "local_part" in query else None  # the session ended while it was typed
    return alias_list.show(visit, mailbox_id, kept)


def add(visit: Visit, mailbox_id: int) -> Response:
    """Take the New Alias form."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    typed, unit = Typed.of(visit.form), visit.changing()
    try:
        with unit.begin() as tx:
            made = aliases.create(
                tx,
                typed.local_part,
                domain_id(typed.domain_id),
                mailbox_id,
                can_receive=typed.can_receive,
                can_send=typed.can_send,
                note=typed.note.strip() or None,
                system_names=visit.site.system_names,
            )
    except ServiceError as error:
        if error.code == "not-found":
            raise
        return alias_list.show(visit, mailbox_id, typed, error)
    return alias_list.back(visit, unit, mailbox_id, "made", made.id)


def change(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Switch one thing of an alias, as a button says."""
    return switch(visit, mailbox_id, alias_id, visit.form.get("action", ""))


def switch(visit: Visit, mailbox_id: int, alias_id: int, action: str) -> Response:
    """Switch one thing of an alias."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.toggle)
    wanted = wanted_by(action)
    unit = visit.changing()
    try:
        with unit.begin() as tx:
            mailboxes.get(tx, mailbox_id)
            aliases.update(
                tx,
                alias_id,
                mailbox=mailbox_id,
                is_active=wanted.get("is_active"),
                can_receive=wanted.get("can_receive"),
                can_send=wanted.get("can_send"),
            )
    except ServiceError as error:
        return alias_list.not_there(visit, mailbox_id, error)
    return alias_list.back(visit, unit, mailbox_id, "changed", alias_id)


def wanted_by(action: str) -> Mapping[str, bool]:
    """Return what a button wants. Raises ServiceError ``invalid-request``."""
    wanted = CHANGES.get(action)
    if wanted is None:
        raise ServiceError("invalid-request", "there is no such button")
    return wanted


def ask_deletion(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Say what deleting an alias does, and ask."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    try:
        with visit.reading() as tx:
            alias = aliases.get(tx, alias_id, mailbox=mailbox_id)
            after = alias_facts.after_deletion(tx, alias)
            named = naming_alias(tx, alias_id)
    except ServiceError as error:
        return alias_list.not_there(visit, mailbox_id, error)
    return visit.page("delete.html", alias=alias, after=after, named=named)


def delete(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Delete an alias."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    unit = visit.changing()
    try:
        with unit.begin() as tx:
            aliases.remove(tx, alias_id, mailbox=mailbox_id)
    except ServiceError as error:
        return alias_list.not_there(visit, mailbox_id, error)
    return alias_list.back(visit, unit, mailbox_id, "deleted", alias_id)


def ask_note(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Show the form for the note of an alias."""
    return _note_form(visit, mailbox_id, alias_id)


def set_note(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Take the note of an alias; an empty one is none."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    unit = visit.changing()
    try:
        with unit.begin() as tx:
            aliases.update(tx, alias_id, mailbox=mailbox_id, note=visit.form.get("note", "").strip() or None)
    except ServiceError as error:
        return _note_form(visit, mailbox_id, alias_id, error)
    return alias_list.back(visit, unit, mailbox_id, "noted", alias_id)


def go_to_list(visit: Visit, mailbox_id: int, **_: int) -> Response:
    """Lead to the list from the address of a form, as when somebody loads the answer to one again."""
    return visit.go(alias_list.path(mailbox_id))


def _note_form(visit: Visit, mailbox_id: int, alias_id: int, error: ServiceError | None = None) -> Response:
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    try:
        with visit.reading() as tx:
            alias = aliases.get(tx, alias_id, mailbox=mailbox_id)
    except ServiceError as missing:
        return alias_list.not_there(visit, mailbox_id, missing)
    typed = visit.typed("note", alias.note or "")
    return visit.page("alias_note.html", error.status if error else 200, alias=alias, typed=typed, error=error)


_ONE = f"{HERE}/{{alias_id:id}}"
ROUTES = (
    Route("GET", HERE, show_list),
    Route("POST", HERE, add, home=HOME, keeps=KEEPS),
    Route("GET", _ONE, go_to_list),
    Route("POST", _ONE, change, home=HOME),
    Route("GET", f"{_ONE}/delete", ask_deletion),
    Route("POST", f"{_ONE}/delete", delete, home=HOME),
    Route("GET", f"{_ONE}/note", ask_note),
    Route("POST", f"{_ONE}/note", set_note, home=f"{HOME}/{{alias_id}}/note", keeps=("note",)),
)
