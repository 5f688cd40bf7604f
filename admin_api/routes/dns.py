"""``/domains/{id}/dns-...``: what a domain should publish, and checks of it. No route waits for the DNS."""

from fastapi import APIRouter
from starlette.responses import Response

from admin_api.guard import GuardedRoute, needs
from admin_api.schemas.common import Answer, PathId
from admin_api.schemas.dns import DnsCheck, DnsRequirements
from admin_api.work import Change, Read
from store.clock import utc_now
from store.services import dns_checks, dns_requirements
from store.sql.database import Transaction

router = APIRouter(route_class=GuardedRoute, tags=["domains"])

_READ, _WRITE = "domains:read", "domains:write"
_ACCEPTED = 202


@router.get(
    "/domains/{domain_id:id}/dns-requirements",
    **needs(_READ, codes=("not-found",), response_model=Answer[DnsRequirements]),
)
def get_dns_requirements(work: Read, domain_id: PathId) -> Response:
    """Return the records that a domain should have, with what the last check found."""
    dns = work.site.dns
    return work.answer(
        lambda tx: Answer[DnsRequirements](
            data=DnsRequirements.told(dns_requirements.required(tx, domain_id, dns.expected, dns.nameservers))
        )
    )


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
def recheck_dns(work: Change, domain_id: PathId) -> Response:
    """Have a domain's records checked, and return the check to poll. One that waits or runs already is returned."""
    asked: list[int] = []

    def ask(tx: Transaction) -> Answer[DnsCheck]:
        check = dns_checks.request(tx, domain_id, utc_now())
        asked.append(check.id)
        return Answer[DnsCheck](data=DnsCheck.of(check))

    response = work.change(ask, _ACCEPTED)
    for check_id in asked:  # committed by now; none for a repeated request
        work.site.dns.recheck(check_id)
    return response


@router.get("/dns-checks/{check_id:id}", **needs(_READ, codes=("not-found",), response_model=Answer[DnsCheck]))
def get_dns_check(work: Read, check_id: PathId) -> Response:
    """Return a check. Done ones are kept for a week."""
    return work.answer(lambda tx: Answer[DnsCheck](data=DnsCheck.of(dns_checks.get(tx, check_id))))
