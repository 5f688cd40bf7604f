"""``/messages``: what programs that send mail ask."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.problems import Flaw, Refusal
from admin_api.rest.calls import Read, ReadCall, respond
from admin_api.rest.schemas.messages import Identities, Identity
from store.errors import ServiceError
from store.services import identities, lookup
from store.services.lookup import Ref
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR
from store.sql.database import Transaction

router = APIRouter(route_class=GuardedRoute, tags=["messages"])

_KINDS = (ACCOUNT, MESSAGE, OPERATOR)
MailboxAddress = Annotated[
    str | SkipJsonSchema[None],
    Query(
        min_length=1,
        max_length=1000,
        description="The address of the mailbox. Message tokens may leave it out, others may not.",
        examples=["john@brand-a.com"],
    ),
]


@router.get(
    "/messages/identities",
    **needs(
        "mailboxes:read",
        of_message_tokens=("messages:send",),
        kinds=_KINDS,
        codes=("not-found",),
        response_model=Identities,
    ),
)
def list_identities(call: Read, mailbox: MailboxAddress = None) -> Response:
    """Return the addresses that a mailbox may send as: itself first, then its aliases by domain and name.

    A message token gets its own mailbox's. Any other names a mailbox that it may see.
    """
    with call.begin() as tx:
        try:
            found = identities.of_mailbox(tx, _wanted(call, tx, mailbox))
        except ServiceError:  # also for what is no address: whoever asks learns nothing else
            raise _not_found() from None
    return respond(Identities(data=[Identity.of(one) for one in found]))


def _wanted(call: ReadCall, tx: Transaction, mailbox: str | None) -> Ref:
    own = call.caller.token.mailbox_id
    if mailbox is None and own is None:
        flaws = [Flaw("/query/mailbox", "is needed with this token")]
        raise Refusal("invalid-request", "say which mailbox is meant", flaws=flaws)
    if mailbox is None:
        return own or 0
    found = lookup.mailbox(tx, mailbox).mailbox.id
    if own not in {None, found}:
        raise _not_found()
    return found


def _not_found() -> ServiceError:
    return ServiceError("not-found", "there is no such mailbox")
