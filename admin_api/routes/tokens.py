"""``/tokens``: access to this API."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.guard import GuardedRoute, needs
from admin_api.paging import Paging, listing
from admin_api.schemas.common import Listing, PathId
from admin_api.schemas.tokens import MadeToken, MadeTokenAnswer, NewToken, Token
from admin_api.work import Change, Read
from store.services import tokens
from store.services.scopes import ACCOUNT, MESSAGE
from store.sql.database import Transaction

router = APIRouter(route_class=GuardedRoute, tags=["tokens"])

_SCOPE = "tokens:write"


@router.post(
    "/tokens",
    **needs(_SCOPE, changes=True, codes=("not-found",), status_code=201, response_model=MadeTokenAnswer),
)
def create_token(work: Change, body: NewToken) -> Response:
    """Make a token of the account, or of one mailbox. Its secret stands in this answer only.

    It cannot have a scope that the caller lacks.
    """
    given = body.given()
    mailbox_id = given.pop("mailbox_id", None)
    owner = {"account": work.caller.account_id} if mailbox_id is None else {"mailbox": mailbox_id}
    kind = ACCOUNT if mailbox_id is None else MESSAGE

    def make(tx: Transaction) -> MadeTokenAnswer:
        made = tokens.create(
            tx, kind=kind, prefixes=work.site.token_prefixes, maker=work.caller.scopes, **given, **owner
        )
        return MadeTokenAnswer(data=MadeToken(**Token.of(made.token).model_dump(), secret=made.secret))

    return work.create(make)


@router.get("/tokens", **needs(_SCOPE, response_model=Listing[Token]))
def list_tokens(work: Read, paging: Paging) -> Response:
    """Return the tokens of the account, by name; an operator's without an account: all."""
    return work.answer(lambda tx: listing(Token, tokens.page(tx, page=paging.page, per_page=paging.per_page), paging))


@router.delete("/tokens/{token_id:id}", **needs(_SCOPE, changes=True, codes=("not-found",), status_code=204))
def delete_token(work: Change, token_id: PathId) -> Response:
    """Delete a token; it is worth nothing from then on."""
    return work.remove(lambda tx: tokens.remove(tx, token_id))
