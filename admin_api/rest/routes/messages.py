"""``/messages``: what programs that send mail ask."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer, PathId
from admin_api.http.problems import Flaw, Refusal
from admin_api.rest.calls import ChangeCall, Read, ReadCall, RepeatableChange, respond
from admin_api.rest.drafts import draft_of, refusal
from admin_api.rest.schemas.messages import Identities, Identity, Message, MessageToSend
from admin_api.sending.deciding import AskedOnce, check_sender
from admin_api.sending.submit import prepared
from routing import outgoing
from routing.outgoing import DraftRefused, Party
from store.errors import ServiceError
from store.services import identities, lookup
from store.services.lookup import Ref
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR
from store.services.sending import accepting, kept
from store.services.sending.accepting import Outgoing, Sender
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


@router.post(
    "/messages/send",
    status_code=202,
    **needs(
        "messages:send",
        kinds=(MESSAGE,),
        codes=("sender-not-owned", "sender-disabled", "cannot-send-as", "not-found"),
        changes=True,
        is_large=True,
        takes_turns=True,
        response_model=Answer[Message],
    ),
)
def send(body: MessageToSend, call: RepeatableChange) -> Response:
    """Send a message as the mailbox of the token, or as one of its aliases.

    It is kept when this is answered, and on its way: `GET /messages/{message_id}` tells what became of it. Who repeats
    the request with its `Idempotency-Key` gets the same answer, and the message is sent once.
    """
    sending = call.site.sending
    if sending is None:
        raise Refusal("unavailable", "nothing can be sent from here", "the operator sets [sending] listener and key")
    mailbox = accepting.sender(call.site.database, call.caller.token.mailbox_id or 0, call.caller.account_id)
    ready = _prepared(call, body, mailbox)
    with call.begin() as tx:  # a repeat is answered here, whatever has changed since
        if not isinstance(ready, Outgoing):
            raise ready
        made = accepting.accept(tx, mailbox, ready, per_day=sending.per_day, wants_copy=sending.sent_copies)
        call.answer(Answer[Message](data=Message.of(made)), 202)
    sending.wake()
    return call.response()


@router.get(
    "/messages/{message_id:id}",
    **needs("messages:send", kinds=(MESSAGE,), codes=("not-found",), response_model=Answer[Message]),
)
def get_message(message_id: PathId, call: Read) -> Response:
    """Return a message that was sent from the mailbox of the token, for 30 days. What it said is not kept."""
    with call.begin() as tx:
        return respond(Answer[Message](data=Message.of(kept.get(tx, call.caller.token.mailbox_id or 0, message_id))))


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


def _prepared(call: ChangeCall, body: MessageToSend, found: Sender) -> Outgoing | Exception:
    """Return what is to be sent, or why nothing is; the sender is asked about before anything else."""
    policy, directory = call.site.explaining.policy, AskedOnce(call.site.explaining.deciding)
    try:
        given = body.given().get("sender")
        sender = Party(found.address, found.display_name) if given is None else outgoing.party("from", given)
        check_sender(directory, policy, found.address, sender.address)
        return prepared(directory, policy, found.address, draft_of(body, sender))
    except DraftRefused as error:
        return refusal(error)
    except ServiceError as error:
        return error


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
