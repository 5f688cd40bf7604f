"""``POST /aliases:bulk``: many changes in one call."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from admin_api.guard import GuardedRoute, needs
from admin_api.heavy_turns import HeavyTurns
from admin_api.routes.aliases import LIMITS, NEW_NAME
from admin_api.schemas.bulk import Bulk, BulkResults
from admin_api.schemas.common import Answer
from admin_api.work import Change
from store.services import bulk
from store.sql.database import Transaction

router = APIRouter(route_class=GuardedRoute, tags=["aliases"])

_CODES = ("not-found", "alias-not-renamable", "conflict", *NEW_NAME, *LIMITS)


async def _turn(request: Request) -> AsyncIterator[None]:
    """Wait for a turn. Raises Refusal ``rate-limited`` for too many at once."""
    turns: HeavyTurns = request.app.state.site.bulk_calls
    with turns.present(request.state.caller.counted_as):
        async with turns.at_work():
            yield


@router.post(
    "/aliases:bulk",
    dependencies=[Depends(_turn, scope="function")],
    **needs("aliases:write", changes=True, codes=_CODES, response_model=Answer[BulkResults]),
)
def change_aliases(work: Change, body: Bulk) -> Response:
    """Create, update and delete up to 1,000 aliases, in the order given, each seeing what those before it did.

    `atomic` (the default): all or none. The first item that is refused is answered with its own status and code; the
    problem then has `index`, and `results` in which that item is `failed` and all others are `not-done`. One call can
    so take a name from one mailbox and give it to another: delete, then create.

    Not atomic: 200, and `results` says of each item what became of it.
    """
    items = [item.item() for item in body.items]

    def change(tx: Transaction) -> Answer[BulkResults]:
        done = bulk.apply(tx, items, atomic=body.atomic, dry_run=body.dry_run, system_names=work.site.system_names)
        return Answer[BulkResults](data=BulkResults.of_items(done))

    return work.change(change)
