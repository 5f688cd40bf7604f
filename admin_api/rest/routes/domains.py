"""``/domains``: adding, switching off, deleting, and where unclaimed mail goes."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer, Confirmation, Listing, PathId, SearchText
from admin_api.http.paging import Paging, listing
from admin_api.rest.calls import Change, Read, respond
from admin_api.rest.schemas.domains import CatchAllChange, Domain, DomainChange, DomainStatus, NewDomain
from store.services import domain_settings, domains, mailboxes
from store.sql.database import Transaction

router = APIRouter(route_class=GuardedRoute, tags=["domains"])

_ONE = "/domains/{domain_id:id}"
_READ, _WRITE = "domains:read", "domains:write"


@router.post(
    "/domains",
    **needs(
        _WRITE, changes=True, codes=("invalid-domain", "domain-taken"), status_code=201, response_model=Answer[Domain]
    ),
)
def create_domain(call: Change, body: NewDomain) -> Response:
    """Add a domain. It is pending, and holds nothing, until DNS proves that it is the account's."""
    with call.begin() as tx:
        made = domains.add(tx, body.name, account=call.caller.account_id)
        call.answer(Answer[Domain](data=Domain.of(made)), 201)
    return call.response()


@router.get("/domains", **needs(_READ, response_model=Listing[Domain]))
def list_domains(
    call: Read,
    paging: Paging,
    status: Annotated[DomainStatus | SkipJsonSchema[None], Query(description="Only domains in this state.")] = None,
    search: SearchText = "",
) -> Response:
    """Return the domains, by name."""
    with call.begin() as tx:
        found = domains.page(tx, page=paging.page, per_page=paging.per_page, status=status, search=search or None)
    return respond(listing(Domain, found, paging))


@router.get(_ONE, **needs(_READ, codes=("not-found",), response_model=Answer[Domain]))
def get_domain(call: Read, domain_id: PathId) -> Response:
    """Return one domain."""
    with call.begin() as tx:
        found = domains.get(tx, domain_id)
    return respond(Answer[Domain](data=Domain.of(found)))


@router.patch(
    _ONE,
    **needs(
        _WRITE,
        changes=True,
        codes=("not-found", "domain-not-active", "destination-not-a-mailbox"),
        response_model=Answer[Domain],
    ),
)
def change_domain(call: Change, domain_id: PathId, body: DomainChange) -> Response:
    """Switch a domain on or off, and choose the mailbox for postmaster, abuse and the like."""
    given = body.given()
    with call.begin() as tx:
        if "system_mailbox_id" in given:
            given |= _system_mailbox(tx, given.pop("system_mailbox_id"))
        changed = domain_settings.update(tx, domain_id, **given)
        call.answer(Answer[Domain](data=Domain.of(changed)))
    return call.response()


def _system_mailbox(tx: Transaction, mailbox_id: int | None) -> dict[str, Any]:
    """Return the service's argument for the system mailbox; one that the caller cannot see is not found."""
    if mailbox_id is None:
        return {"no_system_mailbox": True}
    return {"system_mailbox": mailboxes.get(tx, mailbox_id).id}


@router.delete(
    _ONE,
    **needs(_WRITE, changes=True, codes=("not-found", "domain-not-empty", "conflict"), status_code=204),
)
def delete_domain(call: Change, domain_id: PathId, x_confirm_delete: Confirmation = "false") -> Response:
    """Delete a domain. When it still holds names, only with the header ``X-Confirm-Delete: true``.

    Its mailboxes and aliases go with it, and so do the aliases that lead to its mailboxes from other domains.
    """
    confirmed = x_confirm_delete == "true"
    with call.begin() as tx:
        domains.remove(tx, domain_id, confirmed=confirmed)
    return call.response()


@router.patch(
    f"{_ONE}/catch-all",
    **needs(
        _WRITE,
        changes=True,
        codes=("not-found", "domain-not-active", "destination-not-a-mailbox", "conflict"),
        response_model=Answer[Domain],
    ),
)
def change_catch_all(call: Change, domain_id: PathId, body: CatchAllChange) -> Response:
    """Choose the mailbox for names that nobody has, and switch that on or off."""
    with call.begin() as tx:
        changed = domain_settings.set_catch_all(tx, domain_id, **body.given())
        call.answer(Answer[Domain](data=Domain.of(changed)))
    return call.response()
