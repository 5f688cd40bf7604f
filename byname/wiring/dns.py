"""What the checks of domains ask, and what they expect to find."""

from collections.abc import Iterator

from byname.wiring import canonical
from conf.clients import IMAP_PORT
from conf.listen import parse_nameserver
from conf.settings import Settings
from routing.domain import canonical_domain
from store.dns.nameserver import Nameserver
from store.dns.records import Expected, Service
from store.dns.resolvers import Resolvers, system_nameservers
from store.services.domain_checks.checker import DomainChecker
from store.sql.database import Database


def domain_checker(settings: Settings, database: Database) -> DomainChecker:
    """Return what checks domains in DNS.

    Raises:
        ConfigError: ``dns.mx_hosts`` or ``dns.spf_include`` is none by the rules for domain names.
    """
    return DomainChecker(database, resolvers(settings), dns_expected(settings))


def resolvers(settings: Settings) -> Resolvers:
    """Return the nameservers that are asked: those of the settings, else those of the system."""
    named = (parse_nameserver(text) for text in settings.dns.nameservers)
    return Resolvers([Nameserver(at.host, at.port) for at in named] or system_nameservers())


def dns_expected(settings: Settings) -> Expected:
    """Return what domains should publish.

    Raises:
        ConfigError: as :func:`domain_checker`.
    """
    dns = settings.dns
    hosts = (canonical("dns.mx_hosts", canonical_domain, host) for host in dns.mx_hosts)
    include = canonical("dns.spf_include", canonical_domain, dns.spf_include)
    return Expected(tuple(filter(None, hosts)), include, dns.dkim_selector, tuple(_services(settings)))


def _services(settings: Settings) -> Iterator[Service]:
    """Return the servers for mail programs. IMAP on its plain port is the service ``imap``."""
    clients = settings.clients
    imap = "imap" if clients.imap_server and clients.imap_server.port == IMAP_PORT else "imaps"
    named = (
        (imap, clients.imap_server),
        ("submissions", clients.submissions_server),
        ("submission", clients.submission_server),
    )
    return (Service(name, server.host, server.port) for name, server in named if server is not None)
