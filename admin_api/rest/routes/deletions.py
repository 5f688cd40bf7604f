"""Deleting a mailbox, in two steps: an intent that lists what goes with it, then a confirmation."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer, Confirmation, PathId
from admin_api.rest.calls import Change
from admin_api.rest.schemas.mailboxes import DeleteIntent
from store.clock import utc_now
from store.errors import ServiceError
from store.services import delete_intents

router = APIRouter(route_class=GuardedRoute, tags=["mailboxes"])

_WRITE = "mailboxes:write"


@router.post(
    "/mailboxes/{mailbox_id:id}:delete-intent",
    **needs(_WRITE, changes=True, codes=("not-found",), status_code=201, response_model=Answer[DeleteIntent]),
)
def intend_deletion(call: Change, mailbox_id: PathId) -> Response:
    """Say what goes with a mailbox, and begin its deletion. Nothing is deleted until it is confirmed, within 15 min."""
    with call.begin() as tx:
        intent = delete_intents.create(tx, mailbox_id)
        call.answer(Answer[DeleteIntent](data=DeleteIntent.of(intent)), 201)
    return call.response()


@router.post(
    "/delete-intents/{intent_id:id}:confirm",
    **needs(_WRITE, changes=True, codes=("not-found", "confirmation-required", "conflict"), status_code=204),
)
def confirm_deletion(call: Change, intent_id: PathId, x_confirm_delete: Confirmation = "false") -> Response:
    """Delete the mailbox of an intent, with its aliases. Needs the header ``X-Confirm-Delete: true``."""
    with call.begin() as tx:
        delete_intents.confirm(tx, intent_id, utc_now())
        if x_confirm_delete != "true":  # asked last, so that an intent of others is not there; and all is undone
            hint = "send the header X-Confirm-Delete: true"
            raise ServiceError("confirmation-required", "this deletes the mailbox and its aliases", hint=hint)
    return call.response()
