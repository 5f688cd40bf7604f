"""``/mailboxes/{id}/aliases/{alias_id}/stats`` and ``/senders``: what came through an alias."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer, Meta, PathId
from admin_api.http.paging import Paging
from admin_api.rest.calls import Read, respond
from admin_api.rest.schemas.statistics import Sender, SendersOfAlias, Statistics
from store.services.statistics import activity

router = APIRouter(route_class=GuardedRoute, tags=["aliases"])

_ONE = "/mailboxes/{mailbox_id:id}/aliases/{alias_id:id}"
_READ = "aliases:read"

Days = Annotated[
    int, Query(ge=1, le=activity.MOST_DAYS, description="How many days back, today counted.", examples=[30])
]


@router.get(f"{_ONE}/stats", **needs(_READ, codes=("not-found",), response_model=Answer[Statistics]))
def get_alias_stats(call: Read, mailbox_id: PathId, alias_id: PathId, days: Days = 30) -> Response:
    """Return how many mails to an alias were accepted and refused, day by day."""
    with call.begin() as tx:
        found = activity.statistics(tx, alias_id, mailbox=mailbox_id, days=days)
    return respond(Answer[Statistics](data=Statistics.of(found)))


@router.get(f"{_ONE}/senders", **needs(_READ, codes=("not-found",), response_model=SendersOfAlias))
def list_alias_senders(call: Read, mailbox_id: PathId, alias_id: PathId, paging: Paging) -> Response:
    """Return who wrote to an alias, if the account has that remembered (`remember_senders_days`)."""
    with call.begin() as tx:
        found = activity.senders(tx, alias_id, mailbox=mailbox_id, page=paging.page, per_page=paging.per_page)
        days = activity.remembered_days(tx, alias_id)
    meta = Meta(page=paging.page, per_page=paging.per_page, total=found.total)
    senders = [Sender.of(one) for one in found.items]
    return respond(SendersOfAlias(data=senders, meta=meta, remember_senders_days=days))
