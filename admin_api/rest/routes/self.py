"""``/me``, ``/account`` and ``/messages/_me``: who calls."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer
from admin_api.rest.calls import Change, Read, ReadCall, respond
from admin_api.rest.schemas.accounts import Account, OwnAccountChange
from admin_api.rest.schemas.mailboxes import OwnMailbox
from admin_api.rest.schemas.tokens import Capabilities, Me, MeAnswer, OwnMailboxAnswer
from store.services import account_settings, accounts, mailboxes
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR

router = APIRouter(route_class=GuardedRoute, tags=["account"])


@router.get("/me", **needs(kinds=(ACCOUNT, MESSAGE, OPERATOR), response_model=MeAnswer))
def get_me(call: Read) -> Response:
    """Tell which token this is, what it may do, and whether it does so for an account or a mailbox."""
    me = Me.of(replace(call.caller.token, account_id=call.caller.acting.account_id))
    return respond(MeAnswer(data=me, capabilities=_capabilities(call)))


@router.get("/messages/_me", **needs(kinds=(MESSAGE,), response_model=OwnMailboxAnswer))
def get_own_mailbox(call: Read) -> Response:
    """Return the mailbox that the token belongs to, and what the token may do."""
    with call.begin() as tx:
        found = mailboxes.get(tx, call.caller.token.mailbox_id or 0)
    data = OwnMailbox(
        id=found.id,
        address=found.address,
        domain_id=found.domain_id,
        display_name=found.display_name,
        is_active=found.is_active,
    )
    return respond(OwnMailboxAnswer(data=data, capabilities=_capabilities(call)))


@router.get("/account", **needs(codes=("invalid-request",), response_model=Answer[Account]))
def get_account(call: Read) -> Response:
    """Return the token's account: its plan, limits and usage."""
    with call.begin() as tx:
        found = accounts.get(tx, call.caller.account_id)
    return respond(Answer[Account](data=Account.of(found)))


@router.patch(
    "/account",
    **needs(
        "domains:write",
        changes=True,
        codes=("invalid-request", "domain-not-yours", "domain-not-active"),
        response_model=Answer[Account],
    ),
)
def change_account_settings(call: Change, body: OwnAccountChange) -> Response:
    """Change what the account decides for itself.

    A smaller `keep_deleted_days` frees at once the deleted names whose time is over by it.
    """
    with call.begin() as tx:
        changed = account_settings.update(tx, call.caller.account_id, **body.given())
        call.answer(Answer[Account](data=Account.of(changed)))
    return call.response()


def _capabilities(call: ReadCall) -> Capabilities:
    return Capabilities.model_validate({"effective_scopes": sorted(call.caller.scopes)})
