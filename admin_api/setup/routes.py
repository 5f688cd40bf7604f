"""The public addresses by which mail programs find their set-up: no token, and no word about whether somebody exists.

``GET /mail/config-v1.1.xml`` and ``/.well-known/autoconfig/...`` are Thunderbird's, which looks at the mail domain and
at that of its MX host: one host serves all domains. ``POST /autodiscover/autodiscover.xml`` is Outlook's.
"""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from admin_api.http.problems import Refusal, respond
from admin_api.http.threads import in_thread
from admin_api.setup import outlook, thunderbird
from admin_api.setup.servers import Servers, domain_of_address, domain_of_host, is_hosted, of_site
from admin_api.site import ApiSite
from store.clock import utc_now
from store.sql.database import Acting

THUNDERBIRD = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
OUTLOOK = ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml")

_BY_NOBODY = Acting(None, "mail program", None, None)
_KEEP = {"Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*"}


def add_setup(app: FastAPI) -> None:
    """Serve the set-up."""
    for path in THUNDERBIRD:
        app.add_route(path, _for_thunderbird, ["GET"], include_in_schema=False)
    for path in OUTLOOK:
        app.add_route(path, _for_outlook, ["POST"], include_in_schema=False)


async def _for_thunderbird(request: Request) -> Response:
    return await in_thread(_thunderbird, request)


def _thunderbird(request: Request) -> Response:
    address = request.query_params.get("emailaddress", "").strip()
    domain = domain_of_address(address) if address else domain_of_host(request.headers.get("Host", ""))
    servers = None if domain is None else _servers(request.app.state.site, domain)
    if domain is None or servers is None:
        return respond(request, Refusal("not-found", "there is no set-up for this domain here"))
    login = address or thunderbird.ASKED_FOR
    return Response(thunderbird.config(domain, servers, login), headers=_KEEP, media_type=thunderbird.MEDIA_TYPE)


async def _for_outlook(request: Request) -> Response:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > outlook.LARGEST_REQUEST:
            return _fault(outlook.INVALID)
    return await in_thread(_outlook, request, body)


def _outlook(request: Request, body: bytes) -> Response:
    try:
        address = outlook.asked_for(body)
    except outlook.RequestInvalid:
        return _fault(outlook.INVALID)
    except outlook.SchemaUnknown:
        return _fault(outlook.NOT_AVAILABLE)
    domain = domain_of_address(address)
    servers = None if domain is None else _servers(request.app.state.site, domain)
    if servers is None:
        return _fault(outlook.NOT_HOSTED)
    return Response(outlook.settings(address, servers), media_type=outlook.MEDIA_TYPE)


def _servers(site: ApiSite, domain: str) -> Servers | None:
    """Return the servers of a domain; None when it is not hosted, or the operator has not said which they are."""
    found = of_site(site.clients)
    if found is None:
        return None
    with site.database.read(_BY_NOBODY) as tx:
        return found if is_hosted(tx, domain) else None


def _fault(found: outlook.Fault) -> Response:
    """Return a fault: with status 200, or Outlook does not read it."""
    moment = f"{utc_now():%H:%M:%S.%f}"[:-3]
    return Response(outlook.fault(found, moment), media_type=outlook.MEDIA_TYPE)
