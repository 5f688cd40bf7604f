"""A hosted domain's servers, as all programs are told them."""

from dataclasses import dataclass

from admin_api.site import Clients
from conf.clients import Server
from routing.address import Address, AddressSyntaxError
from routing.domain import DomainSyntaxError, canonical_domain
from store.errors import ServiceError
from store.services import domains
from store.sql.tenant import Transaction

_ACTIVE = "active"
_CALLED = ("autoconfig.", "autodiscover.", "mail.")  # hosts of a domain by which programs look for their set-up


@dataclass(frozen=True, slots=True)
class Servers:
    """Where mail is read and sent."""

    imap: Server
    sending: tuple[Server, ...]  # the best first
    webmail: str | None = None


def of_site(clients: Clients) -> Servers | None:
    """Return the servers of the settings (section clients); None while those that are needed are not set."""
    sending = tuple(filter(None, (clients.submissions, clients.submission)))
    if clients.imap is None or not sending:
        return None
    return Servers(clients.imap, sending, clients.webmail)


def domain_of_address(text: str) -> str | None:
    """Return the domain, in A-labels, of an address as it was typed; None when it is none that XML can hold."""
    try:
        return Address.parse(text).domain if text.isprintable() else None
    except AddressSyntaxError:
        return None


def domain_of_host(host: str) -> str | None:
    """Return the domain, in A-labels, whose set-up is asked for at a host such as ``autoconfig.brand-a.test:443``."""
    name = host.rpartition(":")[0] if ":" in host else host
    for prefix in _CALLED:
        name = name.removeprefix(prefix)
    try:
        return canonical_domain(name)
    except DomainSyntaxError:
        return None


def is_hosted(tx: Transaction, domain: str) -> bool:
    """Return whether mail is read and sent here for a domain."""
    try:
        return domains.get(tx, domain).status == _ACTIVE
    except ServiceError:
        return False
