"""``/mailboxes``: making, pausing, passwords, and deletion in two steps."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from admin_api.guard import GuardedRoute, needs
from admin_api.paging import Paging, listing
from admin_api.schemas.common import Answer, Id, Listing, PathId, SearchText
from admin_api.schemas.mailboxes import (
    MadeMailbox,
    MadeMailboxAnswer,
    Mailbox,
    MailboxChange,
    NewMailbox,
    NewPassword,
)
from admin_api.work import Change, Read
from store.passwords import generate_password
from store.services import mailboxes
from store.services.views import Mailbox as MailboxView
from store.sql.database import Transaction

router = APIRouter(route_class=GuardedRoute, tags=["mailboxes"])

_ONE = "/mailboxes/{mailbox_id:id}"
_READ, _WRITE = "mailboxes:read", "mailboxes:write"


@router.get("/mailboxes", **needs(_READ, codes=("not-found",), response_model=Listing[Mailbox]))
def list_mailboxes(
    work: Read,
    paging: Paging,
    domain_id: Annotated[Id | SkipJsonSchema[None], Query(description="Only mailboxes of this domain.")] = None,
    search: SearchText = "",
) -> Response:
    """Return the mailboxes, by domain and name."""
    return work.answer(
        lambda tx: listing(
            Mailbox,
            mailboxes.page(tx, page=paging.page, per_page=paging.per_page, domain=domain_id, search=search or None),
            paging,
        )
    )


@router.post(
    "/mailboxes",
    **needs(
        _WRITE,
        changes=True,
        codes=("domain-not-yours", "invalid-local-part", "address-reserved", "domain-not-active", "address-taken"),
        status_code=201,
        response_model=MadeMailboxAnswer,
    ),
)
def create_mailbox(work: Change, body: NewMailbox) -> Response:
    """Make a mailbox on an active domain of the account.

    A generated password stands in this answer only: neither a repeat with the same key nor anything else shows it.
    """
    generated = None if "password" in body.model_fields_set else generate_password()

    def make(tx: Transaction) -> MadeMailboxAnswer:
        made = mailboxes.create(
            tx,
            body.local_part,
            body.domain_id,
            generated or body.password,
            display_name=body.display_name,
            system_names=work.site.system_names,
        )
        return MadeMailboxAnswer(data=MadeMailbox(**Mailbox.of(made).model_dump(), password=generated))

    return work.create(make)


@router.get(_ONE, **needs(_READ, codes=("not-found",), response_model=Answer[Mailbox]))
def get_mailbox(work: Read, mailbox_id: PathId) -> Response:
    """Return one mailbox."""
    return work.answer(lambda tx: _answer(mailboxes.get(tx, mailbox_id)))


@router.patch(_ONE, **needs(_WRITE, changes=True, codes=("not-found",), response_model=Answer[Mailbox]))
def change_mailbox(work: Change, mailbox_id: PathId, body: MailboxChange) -> Response:
    """Change the display name of a mailbox."""
    return work.change(lambda tx: _answer(mailboxes.update(tx, mailbox_id, **body.given())))


@router.post(f"{_ONE}/password", **needs(_WRITE, changes=True, codes=("not-found",), response_model=Answer[Mailbox]))
def set_password(work: Change, mailbox_id: PathId, body: NewPassword) -> Response:
    """Set the password of a mailbox."""
    return work.change(lambda tx: _answer(mailboxes.update(tx, mailbox_id, password=body.password)))


@router.post(
    f"{_ONE}:pause", **needs(_WRITE, changes=True, codes=("not-found", "conflict"), response_model=Answer[Mailbox])
)
def pause_mailbox(work: Change, mailbox_id: PathId) -> Response:
    """Pause a mailbox: mail to it and to its aliases is refused, it may not send. Not where a catch-all leads."""
    return work.change(lambda tx: _answer(mailboxes.update(tx, mailbox_id, is_active=False)))


@router.post(f"{_ONE}:resume", **needs(_WRITE, changes=True, codes=("not-found",), response_model=Answer[Mailbox]))
def resume_mailbox(work: Change, mailbox_id: PathId) -> Response:
    """Resume a paused mailbox."""
    return work.change(lambda tx: _answer(mailboxes.update(tx, mailbox_id, is_active=True)))


def _answer(found: MailboxView) -> Answer[Mailbox]:
    return Answer[Mailbox](data=Mailbox.of(found))
