"""``/mailboxes/{id}/general``: name, password and state of a mailbox; where its deletion begins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from admin_api.dashboard.pages.passwords import GENERATED, chosen
from store.errors import ServiceError
from store.services import aliases, delete_intents, mailbox_facts, mailboxes

Answer = Callable[[Visit, int], Response]


@dataclass(frozen=True, slots=True)
class _Refused:
    """A form of this page that was not taken."""

    action: str
    error: ServiceError


def show(visit: Visit, mailbox_id: int) -> Response:
    """Show the page; who may change nothing sees what is there."""
    return _page(visit, mailbox_id)


def change(visit: Visit, mailbox_id: int) -> Response:
    """Do what one of the page's forms asks."""
    visit.require(visit.rights.administer)
    action = visit.form.get("action", "")
    asked = _ACTIONS.get(action)
    if asked is None:
        raise ServiceError("invalid-request", "there is no such button")
    try:
        return asked(visit, mailbox_id)
    except ServiceError as error:
        if error.code == "not-found":
            raise
        return _page(visit, mailbox_id, refused=_Refused(action, error))


def _rename(visit: Visit, mailbox_id: int) -> Response:
    return _update(visit, mailbox_id, "named", display_name=visit.form.get("display_name", ""))


def _pause(visit: Visit, mailbox_id: int) -> Response:
    return _update(visit, mailbox_id, "paused", is_active=False)


def _resume(visit: Visit, mailbox_id: int) -> Response:
    return _update(visit, mailbox_id, "resumed", is_active=True)


def _update(visit: Visit, mailbox_id: int, done: str, **given: Any) -> Response:
    unit = visit.changing()
    with unit.begin() as tx:
        mailboxes.update(tx, mailbox_id, **given)
    return go_back(visit, unit, path(mailbox_id), done, mailbox_id)


def _set_password(visit: Visit, mailbox_id: int) -> Response:
    """Set the password, unless that was done since the page was opened: a form sent again changes nothing."""
    given, unit = chosen(visit.form), visit.changing()
    with unit.begin() as tx:
        if mailboxes.password_mark(tx, mailbox_id) != visit.form.get("mark"):
            raise ServiceError(
                "conflict", "the password was changed since this page was opened; it stays as it is now", field="form"
            )
        mailboxes.update(tx, mailbox_id, password=given.hashed)
    if given.shown is None:
        return go_back(visit, unit, path(mailbox_id), "password", mailbox_id)
    return _page(visit, mailbox_id, password=given.shown)


def _ask_deletion(visit: Visit, mailbox_id: int) -> Response:
    unit = visit.changing()
    with unit.begin() as tx:
        intent = delete_intents.create(tx, mailbox_id)
    return visit.go(f"/mailboxes/{mailbox_id}/delete/{intent.id}")


def _page(visit: Visit, mailbox_id: int, *, refused: _Refused | None = None, password: str | None = None) -> Response:
    visit.check_mailbox(mailbox_id)
    with visit.reading() as tx:
        mailbox = mailboxes.get(tx, mailbox_id)
        mark = mailboxes.password_mark(tx, mailbox_id) if visit.rights.administer else ""
        account = mailbox_facts.accounts(tx, {mailbox.domain_id})[mailbox.domain_id]
        usage = aliases.usage(tx, mailbox_id)
        uses = mailbox_facts.uses(tx, mailbox_id)
    return visit.page(
        "general.html",
        HTTPStatus.OK if refused is None else refused.error.status,
        mailbox=mailbox,
        mark=mark,
        account=account,
        usage=usage,
        uses=uses,
        display_name=visit.typed("display_name", mailbox.display_name),
        password_mode=visit.typed("password_mode", GENERATED),
        password=password,
        refused=refused,
        done=None if refused or password else outcome(visit),
    )


def path(mailbox_id: int) -> str:
    """Return where the page of a mailbox is."""
    return f"/mailboxes/{mailbox_id}/general"


# What the page's forms send as ``action``: what is done then.
_ACTIONS: Mapping[str, Answer] = MappingProxyType(
    {"name": _rename, "password": _set_password, "pause": _pause, "resume": _resume, "delete": _ask_deletion}
)
_HERE = "/mailboxes/{mailbox_id:id}/general"
ROUTES = (
    Route("GET", _HERE, show),
    Route(
        "POST", _HERE, change, "admins", home="/mailboxes/{mailbox_id}/general", keeps=("display_name", "password_mode")
    ),
)
