"""What is taken from a browser and what it is given: cookies, the origin of a form, headers of a page, its address."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",  # our script sends forms and looks whether a change is live
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",  # with no-referrer a browser hides the Origin of forms as well
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Cookie",
}
SESSION = "byname"  # cookies: who is signed in,
HALF = "byname-half"  # who has given the password and still has to show the second factor,
FORM = "byname-form"  # what a form before that must repeat


def cookie(request: Request, name: str) -> str | None:
    """Return a cookie of ours."""
    return request.cookies.get(_full_name(request, name))


def set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Give the browser a cookie that scripts and other hosts' pages never see."""
    response.set_cookie(
        _full_name(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=not _is_loopback(request),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: Request, response: Response, name: str) -> None:
    """Take a cookie of ours away from a browser that has it."""
    if cookie(request, name) is not None:
        set_cookie(request, response, name, "", 0)


def is_from_here(request: Request, base_url: str | None) -> bool:
    """Return whether a form was sent by one of our own pages, as far as the browser says where it came from.

    ``Sec-Fetch-Site`` (Fetch Metadata) and ``Origin`` (RFC 6454) are set by browsers alone. A client that sends neither
    has the form's token still to show.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in {None, "same-origin"}:
        return False
    if origin is None:
        return True
    known = {request.headers.get("Host", "")} | ({urlsplit(base_url).netloc} if base_url else set())
    return urlsplit(origin).netloc in known - {""}


def client_address(request: Request) -> str:
    """Return the IP address a request came from; what a proxy on this machine says for whom it asks is believed."""
    peer = request.client.host if request.client else ""
    passed_on = request.headers.getlist("X-Forwarded-For")
    if not passed_on or not _is_loopback_address(peer):
        return peer
    return passed_on[-1].rpartition(",")[2].strip()


def _full_name(request: Request, name: str) -> str:
    """Return the name under which the browser keeps a cookie.

    ``__Host-`` binds it to this host and to HTTPS (RFC 6265bis section 4.1.3.2). On plain HTTP, which is for this
    machine alone, not every browser takes it.
    """
    return name if _is_loopback(request) else f"__Host-{name}"


def _is_loopback(request: Request) -> bool:
    """Return whether the browser calls us by a name of its own machine."""
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    return host == "localhost" or _is_loopback_address(host)


def _is_loopback_address(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False
