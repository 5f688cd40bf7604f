"""``/explain``: what would happen to a mail, and why, by the code that decides about mail."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from admin_api import explaining
from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer
from admin_api.rest.calls import Read, ReadCall, respond
from admin_api.rest.schemas.reports import Explanation
from routing.explain import Comparison

router = APIRouter(route_class=GuardedRoute, tags=["explain"])

_CODES = ("domain-not-yours", "domain-not-active")
_Text = Annotated[str, Query(min_length=1, max_length=1000)]
Recipient = Annotated[_Text, Query(description="As an SMTP client may write it.", examples=["sales@brand-b.com"])]
Login = Annotated[_Text, Query(description="Who is logged in.", examples=["john@brand-a.com"])]
Writer = Annotated[
    str | None,
    Query(
        alias="from",
        max_length=1000,
        description="The envelope sender, for an alias that does not take mail from everyone.",
        examples=["ann@work.example"],
    ),
]
Sender = Annotated[
    _Text, Query(alias="from", description="The envelope sender to judge.", examples=["sales@brand-b.com"])
]


@router.get("/explain/recipient", **needs("aliases:read", codes=_CODES, response_model=Answer[Explanation]))
def explain_recipient(call: Read, address: Recipient, sender: Writer = None) -> Response:
    """Explain what happens to a mail for an address, for a domain of the account."""
    own = _own(call, explaining.domains_of_recipient(address))
    return _answer(call, explaining.explained_recipient(call.site.explaining, address, sender), own)


@router.get("/explain/sender", **needs("aliases:read", codes=_CODES, response_model=Answer[Explanation]))
def explain_sender(call: Read, login: Login, sender: Sender) -> Response:
    """Explain whether a login may send as an address; both of domains of the account."""
    site = call.site.explaining
    own = _own(call, explaining.domains_of_sender(site.policy, login, sender))
    return _answer(call, explaining.explained_sender(site, login, sender), own)


def _own(call: ReadCall, wanted: set[str]) -> set[str] | None:
    """Return the domains asked about, once it is known that they are the caller's; None: all are, for an operator."""
    if call.caller.acting.account_id is None:
        return None
    with call.begin() as tx:
        explaining.require_own(tx, wanted)
    return wanted


def _answer(call: ReadCall, comparison: Comparison, own: set[str] | None) -> Response:
    if own is not None:
        comparison = explaining.without_foreign(comparison, call.site.explaining.policy, own)
    return respond(Answer[Explanation](data=Explanation.model_validate(comparison.as_object())))
