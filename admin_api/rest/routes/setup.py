"""``/mailboxes/{id}/mobileconfig``: a profile for Apple's mail programs."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import PathId
from admin_api.rest.calls import Read
from admin_api.setup import apple, profiles

router = APIRouter(route_class=GuardedRoute, tags=["mailboxes"])

_SENDER = Query(
    min_length=1,
    max_length=1000,
    description="What mail is sent from, if not the mailbox's own address: one that it may send as.",
    examples=["sales@brand-b.com"],
)
Sender = Annotated[str | SkipJsonSchema[None], _SENDER]
_FILE = {"content": {apple.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}


@router.get(
    "/mailboxes/{mailbox_id:id}/mobileconfig",
    **needs("mailboxes:read", codes=("not-found",), response_class=Response, responses={200: _FILE}),
)
def get_profile(call: Read, mailbox_id: PathId, address: Sender = None) -> Response:
    """Return a configuration profile that sets up the mailbox on an iPhone, iPad or Mac. It holds no password."""
    with call.begin() as tx:
        return profiles.answer(call.site, tx, mailbox_id, address)
