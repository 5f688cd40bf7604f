"""``/domains/{id}/dns-...``: what a domain should publish, and checks of it. No route waits for the DNS."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.http.guard import GuardedRoute, needs
from admin_api.http.models import Answer, PathId
from admin_api.rest.calls import Change, Read, respond
from admin_api.rest.schemas.dns import DnsCheck, DnsRequirements
from store.clock import utc_now
from store.services.domain_checks import checks, requirements

router = APIRouter(route_class=GuardedRoute, tags=["domains"])

_READ, _WRITE = "domains:read", "domains:write"
_ACCEPTED = 202


@router.get(
    "/domains/{domain_id:id}/dns-requirements",
    **needs(_READ, codes=("not-found",), response_model=Answer[DnsRequirements]),
)
def get_dns_requirements(call: Read, domain_id: PathId) -> Response:
    """Return the records that a domain should have, with what the last check found."""
    dns = call.site.dns
    with call.begin() as tx:
        found = requirements.required(tx, domain_id, dns.expected, dns.nameservers)
    return respond(Answer[DnsRequirements](data=DnsRequirements.with_records(found)))


@router.post(
    "/domains/{domain_id:id}/dns-recheck",
    **needs(
        _WRITE,
        changes=True,
        codes=("not-found", "domain-taken"),
        status_code=_ACCEPTED,
        response_model=Answer[DnsCheck],
    ),
)
def recheck_dns(call: Change, domain_id: PathId) -> Response:
    """Have a domain's records checked, and return the check to poll. One that waits or runs already is returned."""
    with call.begin() as tx:
        check = checks.request(tx, domain_id, utc_now())
        call.answer(Answer[DnsCheck](data=DnsCheck.of(check)), _ACCEPTED)
    call.site.dns.recheck(check.id)
    return call.response()


@router.get("/dns-checks/{check_id:id}", **needs(_READ, codes=("not-found",), response_model=Answer[DnsCheck]))
def get_dns_check(call: Read, check_id: PathId) -> Response:
    """Return a check. Done ones are kept for a week."""
    with call.begin() as tx:
        found = checks.get(tx, check_id)
    return respond(Answer[DnsCheck](data=DnsCheck.of(found)))
