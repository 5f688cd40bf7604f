"""Deleting a mailbox, in two steps: what goes with it is told first, and then confirmed."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.guard import GuardedRoute, needs
from admin_api.schemas.common import Answer, Confirmation, PathId
from admin_api.schemas.mailboxes import DeleteIntent
from admin_api.work import Change
from store.clock import utc_now
from store.errors import ServiceError
from store.services import delete_intents
from store.sql.database import Transaction

router = APIRouter(route_class=GuardedRoute, tags=["mailboxes"])

_WRITE = "mailboxes:write"


@router.post(
    "/mailboxes/{mailbox_id:id}:delete-intent",
    **needs(_WRITE, changes=True, codes=("not-found",), status_code=201, response_model=Answer[DeleteIntent]),
)
def intend_deletion(work: Change, mailbox_id: PathId) -> Response:
    """Say what goes with a mailbox, and begin its deletion. Nothing is deleted until it is confirmed, within 15 min."""
    return work.create(lambda tx: Answer[DeleteIntent](data=DeleteIntent.of(delete_intents.create(tx, mailbox_id))))


@router.post(
    "/delete-intents/{intent_id:id}:confirm",
    **needs(_WRITE, changes=True, codes=("not-found", "confirmation-required", "conflict"), status_code=204),
)
def confirm_deletion(work: Change, intent_id: PathId, x_confirm_delete: Confirmation = "false") -> Response:
    """Delete the mailbox of an intent, with its aliases. Needs the header ``X-Confirm-Delete: true``."""

    def confirm(tx: Transaction) -> None:
        delete_intents.confirm(tx, intent_id, utc_now())
        if x_confirm_delete != "true":  # asked last, so that an intent of others is not there; and all is undone
            hint = "send the header X-Confirm-Delete: true"
            raise ServiceError("confirmation-required", "this deletes the mailbox and its aliases", hint=hint)

    return work.remove(confirm)
