"""``/mailboxes``: making, pausing, passwords, and deletion in two steps."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer, Id, Listing, PathId, SearchText
from admin_api.http.paging import Paging, listing
from admin_api.rest.calls import Change, ChangeCall, Read, respond
from admin_api.rest.routes.aliases import NEW_NAME
from admin_api.rest.schemas.mailboxes import (
    MadeMailbox,
    MadeMailboxAnswer,
    Mailbox,
    MailboxChange,
    NewMailbox,
    NewPassword,
)
from store.passwords import generate_password
from store.services import mailboxes

router = APIRouter(route_class=GuardedRoute, tags=["mailboxes"])

_ONE = "/mailboxes/{mailbox_id:id}"
_READ, _WRITE = "mailboxes:read", "mailboxes:write"


@router.get("/mailboxes", **needs(_READ, codes=("not-found",), response_model=Listing[Mailbox]))
def list_mailboxes(
    call: Read,
    paging: Paging,
    domain_id: Annotated[Id | SkipJsonSchema[None], Query(description="Only mailboxes of this domain.")] = None,
    search: SearchText = "",
) -> Response:
    """Return the mailboxes, by domain and name."""
    with call.begin() as tx:
        found = mailboxes.page(tx, page=paging.page, per_page=paging.per_page, domain=domain_id, search=search or None)
    return respond(listing(Mailbox, found, paging))


@router.post(
    "/mailboxes",
    **needs(
        _WRITE,
        changes=True,
        codes=NEW_NAME,
        status_code=201,
        response_model=MadeMailboxAnswer,
    ),
)
def create_mailbox(call: Change, body: NewMailbox) -> Response:
    """Make a mailbox on an active domain of the account.

    A generated password stands in this answer only: neither a repeat with the same key nor anything else shows it.
    """
    generated = None if "password" in body.model_fields_set else generate_password()
    password = mailboxes.hash_checked(generated or body.password)
    with call.begin() as tx:
        made = mailboxes.create(
            tx,
            body.local_part,
            body.domain_id,
            password,
            display_name=body.display_name,
            system_names=call.site.system_names,
        )
        call.answer(MadeMailboxAnswer(data=MadeMailbox(**Mailbox.of(made).model_dump(), password=generated)), 201)
    return call.response()


@router.get(_ONE, **needs(_READ, codes=("not-found",), response_model=Answer[Mailbox]))
def get_mailbox(call: Read, mailbox_id: PathId) -> Response:
    """Return one mailbox."""
    with call.begin() as tx:
        found = mailboxes.get(tx, mailbox_id)
    return respond(Answer[Mailbox](data=Mailbox.of(found)))


@router.patch(_ONE, **needs(_WRITE, changes=True, codes=("not-found",), response_model=Answer[Mailbox]))
def change_mailbox(call: Change, mailbox_id: PathId, body: MailboxChange) -> Response:
    """Change the display name of a mailbox; null clears it."""
    return _update(call, mailbox_id, **body.given())


@router.post(f"{_ONE}/password", **needs(_WRITE, changes=True, codes=("not-found",), response_model=Answer[Mailbox]))
def set_password(call: Change, mailbox_id: PathId, body: NewPassword) -> Response:
    """Set the password of a mailbox."""
    return _update(call, mailbox_id, password=mailboxes.hash_checked(body.password))


@router.post(
    f"{_ONE}:pause", **needs(_WRITE, changes=True, codes=("not-found", "conflict"), response_model=Answer[Mailbox])
)
def pause_mailbox(call: Change, mailbox_id: PathId) -> Response:
    """Pause a mailbox: mail to it and to its aliases is refused, it may not send. Not where a catch-all leads."""
    return _update(call, mailbox_id, is_active=False)


@router.post(f"{_ONE}:resume", **needs(_WRITE, changes=True, codes=("not-found",), response_model=Answer[Mailbox]))
def resume_mailbox(call: Change, mailbox_id: PathId) -> Response:
    """Resume a paused mailbox."""
    return _update(call, mailbox_id, is_active=True)


def _update(call: ChangeCall, mailbox_id: int, **given: Any) -> Response:
    with call.begin() as tx:
        changed = mailboxes.update(tx, mailbox_id, **given)
        call.answer(Answer[Mailbox](data=Mailbox.of(changed)))
    return call.response()
