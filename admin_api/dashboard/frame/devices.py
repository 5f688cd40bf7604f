"""From where and with what somebody signs in, and whether that browser can use passkeys here."""

import re
from urllib.parse import urlsplit

from starlette.requests import Request

from admin_api.dashboard.frame.visit import Visit
from store.errors import ServiceError
from store.services.passkey_answers import RelyingParty

_LONGEST = 500  # characters of a User-Agent that are looked at

# The first that is found counts: browsers also name those that they descend from.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_HOST = re.compile(r"(?=[a-z0-9.-]{1,253}$)[a-z0-9.-]*[a-z][a-z0-9-]*")


def browser_words(request: Request) -> str:
    """Return which browser a request says it is from, in words of ours."""
    said = request.headers.get("User-Agent", "")[:_LONGEST]
    browser = next((word for part, word in _BROWSERS if part in said), "")
    system = next((word for part, word in _SYSTEMS if part in said), "")
    return f"{browser or 'A browser'} on {system}" if system else browser


def party_of(visit: Visit) -> RelyingParty | None:
    """Return for whom passkeys are made on this visit; None where there are none."""
    if visit.options.second_factor == "off":
        return None
    return relying_party(visit.request, visit.site.base_url, visit.options.brand)


def required_party(visit: Visit) -> RelyingParty:
    """Return for whom passkeys are made on this visit. Raises ServiceError ``not-found`` where there are none."""
    party = party_of(visit)
    if party is None:
        raise ServiceError("not-found", "there are no passkeys at this address")
    return party


def relying_party(request: Request, base_url: str | None, brand: str) -> RelyingParty | None:
    """Return for whom passkeys are made, by the address the browser has; None where browsers would refuse them.

    They want a name and HTTPS (WebAuthn section 5.1.3 and 13.4.9), or ``localhost``; an IP address is no name. With
    ``[api] base_url`` only that address has them.
    """
    host = request.headers.get("Host", "")
    known = base_url if base_url is not None else f"http://{host}"
    parts = urlsplit(known)
    name = parts.hostname or ""
    is_here = parts.netloc.lower() == host.lower() and _HOST.fullmatch(name) is not None
    is_secure = name == "localhost" or (base_url is not None and parts.scheme == "https")
    return RelyingParty(name, f"{parts.scheme}://{parts.netloc.lower()}", brand) if is_here and is_secure else None
