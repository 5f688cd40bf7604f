"""``/kept-names``: deleted names that the account keeps from other mailboxes."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Listing, PathId, SearchText
from admin_api.http.paging import Paging, listing
from admin_api.rest.calls import Change, Read, respond
from admin_api.rest.schemas.aliases import KeptName
from store.services import kept_names

router = APIRouter(route_class=GuardedRoute, tags=["aliases"])


@router.get("/kept-names", **needs("aliases:read", response_model=Listing[KeptName]))
def list_kept_names(call: Read, paging: Paging, search: SearchText = "") -> Response:
    """Return the deleted names that are kept now, by domain and name; an operator's without an account: all."""
    with call.begin() as tx:
        found = kept_names.page(tx, page=paging.page, per_page=paging.per_page, search=search or None)
    return respond(listing(KeptName, found, paging))


@router.delete(
    "/kept-names/{kept_name_id:id}", **needs("aliases:write", changes=True, codes=("not-found",), status_code=204)
)
def free_kept_name(call: Change, kept_name_id: PathId) -> Response:
    """Free a deleted name before its time: any mailbox of the account may have it, and a catch-all takes its mail."""
    with call.begin() as tx:
        kept_names.free(tx, kept_name_id)
    return call.response()
