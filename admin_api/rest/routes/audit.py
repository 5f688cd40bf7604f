"""``/audit-log``: who changed what, when, and how it was before and after."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import GivenMoment, Listing
from admin_api.http.paging import Paging, listing
from admin_api.rest.calls import Read, respond
from admin_api.rest.schemas.reports import AuditEntry
from store.services import audit

router = APIRouter(route_class=GuardedRoute, tags=["audit log"])

Since = Annotated[GivenMoment | SkipJsonSchema[None], Query(description="Only changes from then on.")]
Object = Annotated[
    str,
    Query(
        alias="object",
        max_length=320,
        description="Only changes of one object: `alias:12` (type and id), or an address or domain as it is or was.",
        examples=["alias:12"],
    ),
]


@router.get("/audit-log", **needs("domains:read", "mailboxes:read", response_model=Listing[AuditEntry]))
def list_changes(call: Read, paging: Paging, since: Since = None, changed: Object = "") -> Response:
    """Return the changes of the account, the latest first."""
    with call.begin() as tx:
        found = audit.page(tx, since=since, object=changed or None, page=paging.page, per_page=paging.per_page)
    return respond(listing(AuditEntry, found, paging))
