"""``/accounts``: customers, for operators."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.guard import GuardedRoute, needs
from admin_api.paging import Paging, listing
from admin_api.schemas.accounts import Account, AccountChange, NewAccount
from admin_api.schemas.common import Answer, Listing, PathId, SearchText
from admin_api.work import Change, Read
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
def create_account(work: Change, body: NewAccount) -> Response:
    """Open an account."""
    return work.create(lambda tx: Answer[Account](data=Account.of(accounts.create(tx, **body.model_dump()))))


@router.get("/accounts", **needs(kinds=_OPERATOR, response_model=Listing[Account]))
def list_accounts(work: Read, paging: Paging, search: SearchText = "") -> Response:
    """Return the accounts, by name."""
    return work.answer(
        lambda tx: listing(
            Account, accounts.page(tx, page=paging.page, per_page=paging.per_page, search=search or None), paging
        )
    )


@router.get(_ONE, **needs(kinds=_OPERATOR, codes=("not-found",), response_model=Answer[Account]))
def get_account_by_id(work: Read, account_id: PathId) -> Response:
    """Return one account."""
    return work.answer(lambda tx: Answer[Account](data=Account.of(accounts.get(tx, account_id))))


@router.patch(
    _ONE,
    **needs(_WRITE, kinds=_OPERATOR, changes=True, codes=("not-found", "conflict"), response_model=Answer[Account]),
)
def change_account(work: Change, account_id: PathId, body: AccountChange) -> Response:
    """Rename an account, change its plan, note its first payment, suspend or resume it.

    A smaller plan deletes nothing and blocks new aliases.
    """
    return work.change(lambda tx: Answer[Account](data=Account.of(accounts.update(tx, account_id, **body.given()))))


@router.delete(_ONE, **needs(_WRITE, kinds=_OPERATOR, changes=True, codes=("not-found", "conflict"), status_code=204))
def delete_account(work: Change, account_id: PathId) -> Response:
    """Delete an account that has no domains. Its tokens go with it."""
    return work.remove(lambda tx: accounts.remove(tx, account_id))
