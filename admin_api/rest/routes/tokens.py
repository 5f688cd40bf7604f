"""``/tokens``: access to this API."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Listing, PathId
from admin_api.http.paging import Paging, listing
from admin_api.rest.calls import Change, Read, respond
from admin_api.rest.schemas.tokens import MadeToken, MadeTokenAnswer, NewToken, Token
from store.services import tokens
from store.services.scopes import ACCOUNT, MESSAGE

router = APIRouter(route_class=GuardedRoute, tags=["tokens"])

_SCOPE = "tokens:write"


@router.post(
    "/tokens",
    **needs(_SCOPE, changes=True, codes=("not-found",), status_code=201, response_model=MadeTokenAnswer),
)
def create_token(call: Change, body: NewToken) -> Response:
    """Make a token of the account, or of one mailbox. Its secret stands in this answer only.

    It cannot have a scope that the caller lacks.
    """
    given = body.given()
    mailbox_id = given.pop("mailbox_id", None)
    owner = {"account": call.caller.account_id} if mailbox_id is None else {"mailbox": mailbox_id}
    kind = ACCOUNT if mailbox_id is None else MESSAGE
    caller, prefixes = call.caller, call.site.token_prefixes
    with call.begin() as tx:
        made = tokens.create(tx, kind=kind, prefixes=prefixes, maker=caller.scopes, **given, **owner)
        call.answer(MadeTokenAnswer(data=MadeToken(**Token.of(made.token).model_dump(), secret=made.secret)), 201)
    return call.response()


@router.get("/tokens", **needs(_SCOPE, response_model=Listing[Token]))
def list_tokens(call: Read, paging: Paging) -> Response:
    """Return the tokens of the account, by name; an operator's without an account: all."""
    with call.begin() as tx:
        found = tokens.page(tx, page=paging.page, per_page=paging.per_page)
    return respond(listing(Token, found, paging))


@router.delete("/tokens/{token_id:id}", **needs(_SCOPE, changes=True, codes=("not-found",), status_code=204))
def delete_token(call: Change, token_id: PathId) -> Response:
    """Delete a token; it is worth nothing from then on."""
    with call.begin() as tx:
        tokens.remove(tx, token_id)
    return call.response()
