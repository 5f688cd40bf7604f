"""``POST /aliases:bulk``: many changes in one call."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer
from admin_api.rest.calls import Change
from admin_api.rest.routes.aliases import LIMITS, NEW_NAME
from admin_api.rest.schemas.bulk import Bulk, BulkResults, as_answer
from store.services import sender_lists
from store.services.bulk import bulk_call
from store.unit_of_work.concurrency_limit import ConcurrencyLimit

router = APIRouter(route_class=GuardedRoute, tags=["aliases"])

_CODES = ("not-found", "alias-not-renamable", "conflict", *NEW_NAME, *LIMITS)


async def _limited(request: Request) -> AsyncIterator[None]:
    """Wait until the call may run. Raises ServiceError ``rate-limited`` for too many at once."""
    limit: ConcurrencyLimit = request.app.state.site.bulk_limit
    with limit.admitted(request.state.caller.limited_as):
        async with limit.running():
            yield


@router.post(
    "/aliases:bulk",
    dependencies=[Depends(_limited, scope="function")],
    **needs("aliases:write", changes=True, codes=_CODES, response_model=Answer[BulkResults]),
)
def change_aliases(call: Change, body: Bulk) -> Response:
    """Create, update and delete up to 1,000 aliases, in the order given, each seeing what those before it did.

    `atomic` (the default): all or none. The first item that is refused is answered with its own status and code; the
    problem then has `index`, and `results` in which that item is `failed` and all others are `not-done`. One call can
    so take a name from one mailbox and give it to another: delete, then create.

    Not atomic: 200, and `results` says of each item what became of it.
    """
    items = [item.item() for item in body.items]
    for item in items:
        sender_lists.check_verifier(item.senders, call.site.explaining.policy.authserv_ids)
    with call.begin() as tx:
        done = bulk_call.apply(tx, items, atomic=body.atomic, dry_run=body.dry_run, system_names=call.site.system_names)
        call.answer_text(as_answer(done))
    return call.response()
