"""``/me`` and ``/account``: who calls."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer
from admin_api.rest.calls import Read, respond
from admin_api.rest.schemas.accounts import Account
from admin_api.rest.schemas.tokens import Capabilities, Me, MeAnswer
from store.services import accounts
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR

router = APIRouter(route_class=GuardedRoute, tags=["account"])


@router.get("/me", **needs(kinds=(ACCOUNT, MESSAGE, OPERATOR), response_model=MeAnswer))
def get_me(call: Read) -> Response:
    """Tell which token this is, what it may do, and whether it does so for an account or a mailbox."""
    token, scopes = call.caller.token, sorted(call.caller.scopes)
    acts_in = call.caller.acting.account_id
    told = MeAnswer(
        data=Me.of(replace(token, account_id=acts_in)),
        capabilities=Capabilities.model_validate({"effective_scopes": scopes}),
    )
    return respond(told)


@router.get("/account", **needs(codes=("invalid-request",), response_model=Answer[Account]))
def get_account(call: Read) -> Response:
    """Return the token's account: its plan, limits and usage."""
    with call.begin() as tx:
        found = accounts.get(tx, call.caller.account_id)
    return respond(Answer[Account](data=Account.of(found)))
