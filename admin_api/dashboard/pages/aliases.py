"""``/mailboxes/{id}/aliases``: the aliases of a mailbox, made, switched and deleted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from starlette.responses import Response

from admin_api.dashboard.frame.outcome import go_back, outcome
from admin_api.dashboard.frame.route import Route
from admin_api.dashboard.frame.visit import Visit
from store.errors import ServiceError
from store.services import alias_facts, aliases, mailboxes
from store.services.names import check_local_part

# What a button of a row sends: the change.
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
_ID = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Typed:
    """The New Alias form as it was filled in."""

    local_part: str = ""
    domain_id: str = ""
    can_receive: bool = True
    can_send: bool = False

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Typed":
        """Return what a form, or an address that keeps one, holds."""
        receive, send = fields.get("can_receive") == "on", fields.get("can_send") == "on"
        return cls(fields.get("local_part", ""), fields.get("domain_id", ""), receive, send)


def show_list(visit: Visit, mailbox_id: int) -> Response:
    """Show the aliases of a mailbox."""
    query = visit.request.query_params
    kept = Typed.of(query) if "local_part" in query else None  # the session ended while it was typed
    return _page(visit, mailbox_id, kept)


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
                _domain_id(typed.domain_id),
                mailbox_id,
                can_receive=typed.can_receive,
                can_send=typed.can_send,
                system_names=visit.site.system_names,
            )
    except ServiceError as error:
        if error.code == "not-found":
            raise
        return _page(visit, mailbox_id, typed, error)
    return go_back(visit, unit, _path(mailbox_id), "made", made.id)


def change(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Switch one thing of an alias, as a button of its row says."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.toggle)
    wanted = CHANGES.get(visit.form.get("action", ""))
    if wanted is None:
        raise ServiceError("invalid-request", "there is no such button")
    unit = visit.changing()
    with unit.begin() as tx:
        aliases.update(
            tx,
            alias_id,
            mailbox=mailbox_id,
            is_active=wanted.get("is_active"),
            can_receive=wanted.get("can_receive"),
            can_send=wanted.get("can_send"),
        )
    return go_back(visit, unit, _path(mailbox_id), "changed", alias_id)


def ask_deletion(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Say what deleting an alias does, and ask."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    with visit.reading() as tx:
        alias = aliases.get(tx, alias_id, mailbox=mailbox_id)
        after = alias_facts.after_deletion(tx, alias)
    return visit.page("delete.html", alias=alias, after=after)


def delete(visit: Visit, mailbox_id: int, alias_id: int) -> Response:
    """Delete an alias."""
    visit.check_mailbox(mailbox_id)
    visit.require(visit.rights.manage)
    unit = visit.changing()
    with unit.begin() as tx:
        aliases.remove(tx, alias_id, mailbox=mailbox_id)
    return go_back(visit, unit, _path(mailbox_id), "deleted", alias_id)


def _page(visit: Visit, mailbox_id: int, typed: Typed | None = None, error: ServiceError | None = None) -> Response:
    visit.check_mailbox(mailbox_id)
    done = None if error else outcome(visit)
    with visit.reading() as tx:
        mailbox = mailboxes.get(tx, mailbox_id)
        found = aliases.list_all(tx, mailbox=mailbox_id)
        usage = aliases.usage(tx, mailbox_id)
        room = alias_facts.room(tx, mailbox_id)
    return visit.page(
        "aliases.html",
        HTTPStatus.OK if error is None else error.status,
        mailbox=mailbox,
        aliases=found,
        usage=usage,
        room=room,
        typed=typed or Typed(),
        is_open=typed is not None or not found or (done is not None and done.what == "made"),
        error=error,
        example=_example(typed, error, visit.site.system_names),
        done=done,
        upgrade_url=visit.options.upgrade_url,
    )


def _path(mailbox_id: int) -> str:
    return f"/mailboxes/{mailbox_id}/aliases"


def _domain_id(text: str) -> int:
    if not _ID.fullmatch(text):
        raise ServiceError("invalid-request", "choose a domain", field="domain_id")
    return int(text)


def _example(typed: Typed | None, error: ServiceError | None, system_names: frozenset[str]) -> str | None:
    """Return a name close to what was typed that would pass."""
    if typed is None or error is None or error.code != "invalid-local-part":
        return None
    close = re.sub(r"[^a-z0-9._-]+", "-", typed.local_part.strip().partition("@")[0].lower())
    close = re.sub(r"\.{2,}", ".", close)[:64].strip(".-")
    try:
        check_local_part(close, system_names)
    except ServiceError:
        return "sales-team"
    return close


_HERE = "/mailboxes/{mailbox_id:id}/aliases"
_ONE = f"{_HERE}/{{alias_id:id}}"
_HOME = "/mailboxes/{mailbox_id}/aliases"
ROUTES = (
    Route("GET", _HERE, show_list),
    Route("POST", _HERE, add, home=_HOME, keeps=("local_part", "domain_id", "can_receive", "can_send")),
    Route("POST", _ONE, change, home=_HOME),
    Route("GET", f"{_ONE}/delete", ask_deletion),
    Route("POST", f"{_ONE}/delete", delete, home=_HOME),
)
