"""``/accounts``: customers, for operators."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer, Listing, PathId, SearchText
from admin_api.http.paging import Paging, listing
from admin_api.rest.calls import Change, Read, respond
from admin_api.rest.schemas.accounts import Account, AccountChange, NewAccount
from store.services import accounts
from store.services.scopes import OPERATOR

router = APIRouter(route_class=GuardedRoute, tags=["accounts (operators)"])

_ONE = "/accounts/{account_id:id}"
_OPERATOR = (OPERATOR,)
_WRITE = "tokens:write"  # who may not give access may not open, suspend or close accounts either


@router.post(
    "/accounts",
    **needs(
        _WRITE, kinds=_OPERATOR, changes=True, codes=("conflict",), status_code=201, response_model=Answer[Account]
    ),
)
def create_account(call: Change, body: NewAccount) -> Response:
    """Open an account."""
    with call.begin() as tx:
        made = accounts.create(tx, **body.model_dump())
        call.answer(Answer[Account](data=Account.of(made)), 201)
    return call.response()


@router.get("/accounts", **needs(kinds=_OPERATOR, response_model=Listing[Account]))
def list_accounts(call: Read, paging: Paging, search: SearchText = "") -> Response:
    """Return the accounts, by name."""
    with call.begin() as tx:
        found = accounts.page(tx, page=paging.page, per_page=paging.per_page, search=search or None)
    return respond(listing(Account, found, paging))


@router.get(_ONE, **needs(kinds=_OPERATOR, codes=("not-found",), response_model=Answer[Account]))
def get_account_by_id(call: Read, account_id: PathId) -> Response:
    """Return one account."""
    with call.begin() as tx:
        found = accounts.get(tx, account_id)
    return respond(Answer[Account](data=Account.of(found)))


@router.patch(
    _ONE,
    **needs(_WRITE, kinds=_OPERATOR, changes=True, codes=("not-found", "conflict"), response_model=Answer[Account]),
)
def change_account(call: Change, account_id: PathId, body: AccountChange) -> Response:
    """Rename an account, change its plan, note its first payment, suspend or resume it.

    A smaller plan deletes nothing and blocks new aliases.
    """
    with call.begin() as tx:
        changed = accounts.update(tx, account_id, **body.given())
        call.answer(Answer[Account](data=Account.of(changed)))
    return call.response()


@router.delete(_ONE, **needs(_WRITE, kinds=_OPERATOR, changes=True, codes=("not-found", "conflict"), status_code=204))
def delete_account(call: Change, account_id: PathId) -> Response:
    """Delete an account that has no domains. Its tokens go with it."""
    with call.begin() as tx:
        accounts.remove(tx, account_id)
    return call.response()
