"""``/me`` and ``/account``: who calls."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.guard import GuardedRoute, needs
from admin_api.schemas.accounts import Account
from admin_api.schemas.common import Answer
from admin_api.schemas.tokens import Capabilities, Me, MeAnswer
from admin_api.work import Read, respond
from store.services import accounts
from store.services.scopes import ACCOUNT, MESSAGE, OPERATOR

router = APIRouter(route_class=GuardedRoute, tags=["account"])


@router.get("/me", **needs(kinds=(ACCOUNT, MESSAGE, OPERATOR), response_model=MeAnswer))
def get_me(work: Read) -> Response:
    """Tell which token this is, what it may do, and whether it does so for an account or a mailbox."""
    token, scopes = work.caller.token, sorted(work.caller.scopes)
    acts_in = work.caller.acting.account_id
    told = MeAnswer(
        data=Me.of(replace(token, account_id=acts_in)),
        capabilities=Capabilities.model_validate({"effective_scopes": scopes}),
    )
    return respond(told)


@router.get("/account", **needs(codes=("invalid-request",), response_model=Answer[Account]))
def get_account(work: Read) -> Response:
    """Return the token's account: its plan, limits and usage."""
    return work.answer(lambda tx: Answer[Account](data=Account.of(accounts.get(tx, work.caller.account_id))))
