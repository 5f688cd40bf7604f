"""Which implementation serves which protocol: the only place that chooses."""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TypeVar

from prometheus_client import CollectorRegistry

from admin_api.buckets import TokenBuckets
from admin_api.site import ApiSite, Dns, Explaining, Wait
from conf.listen import parse_nameserver
from conf.settings import ConfigError, Problem, Settings
from edges.lmtp_delivery import LmtpSite
from edges.lmtp_pool import Pool
from routing.address import Address, AddressSyntaxError
from routing.directory import Directory, LookupFailed
from routing.domain import DomainSyntaxError, canonical_domain
from routing.policy import Policy
from store.cache.connection import open_pool
from store.cache.directory import RedisDirectory
from store.cache.fallback import PROBE, FallbackDirectory
from store.cache.lease import SECONDS as LEASE_SECONDS
from store.cache.meters import Meters
from store.cache.propagation import Propagation, Waiter, waiting
from store.cache.service import Site
from store.cache.target import Lives
from store.dns.nameserver import Nameserver
from store.dns.records import Expected
from store.dns.resolvers import Resolvers, system_nameservers
from store.services.domain_checker import CheckQueue, DomainChecker
from store.sql.database import Database
from store.sql.directory import SqlDirectory

Value = TypeVar("Value")


def open_database(settings: Settings) -> Database:
    """Return the store of these settings. The caller closes it.

    Raises:
        StoreNotReady: there is no such database, or it is not migrated.
        StoreUnavailable: it does not answer.
    """
    return Database.open(settings.store.url)


def directory(settings: Settings, database: Database, registry: CollectorRegistry | None = None) -> Directory:
    """Return what the decisions ask, one for the life of a process. Without a cache that is SQL itself.

    ``registry`` takes the directory's metrics.

    Raises:
        StoreNotReady: ``cache.url`` is none.
    """
    cache = cache_directory(settings)
    if cache is None:
        return sql_directory(database)
    return FallbackDirectory(cache, sql_directory(database), Meters(registry or CollectorRegistry()))


def health(known: Directory) -> Callable[[], Mapping[str, str]]:
    """Return what tells whether the backends of a directory answer: "ok" or a reason, by backend."""
    if isinstance(known, FallbackDirectory):
        return known.health
    return lambda: {"sql": _sql_health(known)}


def _sql_health(known: Directory) -> str:
    try:
        known.lookup([PROBE])
    except LookupFailed as error:
        return str(error)
    return "ok"


def cache_directory(settings: Settings) -> RedisDirectory | None:
    """Return the directory in the cache alone; None without a cache.

    Raises:
        StoreNotReady: ``cache.url`` is none.
    """
    return None if settings.cache.url is None else RedisDirectory.open(settings.cache.url)


def relay_site(settings: Settings) -> Site:
    """Return from where to where the relay brings changes.

    Raises:
        ConfigError: ``cache.url`` is not set.
        StoreNotReady: ``cache.url`` is none.
    """
    url = needed(settings, "cache.url")
    open_pool(url, patience=1, connections=1).close()
    lives = Lives(lease=LEASE_SECONDS, grace=settings.cache.grace, sender_grace=settings.cache.sender_grace)
    return Site(settings.store.url, url, lives)


def propagation(settings: Settings, database: Database, version: int | None) -> Propagation | None:
    """Wait until the cache holds a change, and return whether it does; None without a cache.

    Raises:
        StoreNotReady: ``cache.url`` is none.
    """
    if settings.cache.url is None:
        return None
    with closing(Waiter(database, settings.cache.url)) as waiter:
        return waiter.wait_until_live(version)


def api_site(settings: Settings, database: Database, known: Directory, registry: CollectorRegistry) -> ApiSite:
    """Return what the API works with. ``known`` decides about mail, and tells whether the backends answer.

    Raises:
        ConfigError: a key that shapes decisions is wrong.
        StoreNotReady: ``cache.url`` is none.
    """
    api = settings.api
    return ApiSite(
        database=database,
        system_names=frozenset(settings.routing.system_addresses),
        token_prefixes=api.token_prefixes,
        buckets=TokenBuckets(api.rate, api.burst),
        base_url=api.base_url,
        wait=_wait(settings, database),
        explaining=Explaining(policy(settings), known, cache_directory(settings), sql_directory(database)),
        dns=_dns(settings, database),
        health=health(known),
        waiting=lambda: waiting(database),
        registry=registry,
    )


def _wait(settings: Settings, database: Database) -> Wait:
    """Return what waits for the cache. Without one the milters read the store itself: a change is live at once."""
    if settings.cache.url is None:
        return lambda version: "live"  # noqa: ARG005 - the protocol's name
    return Waiter(database, settings.cache.url).wait_until_live


def _dns(settings: Settings, database: Database) -> Dns:
    checker = domain_checker(settings, database)
    return Dns(checker.expected, len(checker.resolvers.servers), CheckQueue(checker).put)


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
    hosts = (_canonical("dns.mx_hosts", canonical_domain, host) for host in dns.mx_hosts)
    include = _canonical("dns.spf_include", canonical_domain, dns.spf_include)
    return Expected(tuple(filter(None, hosts)), include, dns.dkim_selector)


def sql_directory(database: Database) -> SqlDirectory:
    """Return the directory in the store alone."""
    return SqlDirectory(database)


def policy(settings: Settings) -> Policy:
    """Return the settings that shape decisions.

    Raises:
        ConfigError: ``routing.postmaster`` or ``senders.default_domain`` is none by the core's stricter rules.
    """
    routing, senders = settings.routing, settings.senders
    return Policy(
        recipient_delimiter=routing.recipient_delimiter,
        suspended=routing.suspended,
        system_addresses=frozenset(routing.system_addresses),
        postmaster=_canonical("routing.postmaster", Address.parse, routing.postmaster),
        default_domain=_canonical("senders.default_domain", canonical_domain, senders.default_domain),
        display_name_addresses=senders.display_name_addresses,
        inbound_spoof=senders.inbound_spoof,
    )


def lmtp_site(settings: Settings, known: Directory) -> LmtpSite:
    """Return what the LMTP edge decides and delivers with.

    Raises:
        ConfigError: ``lmtp.backend`` is missing, or a key that shapes decisions is wrong.
    """
    store = Pool(needed(settings, "lmtp.backend"))
    return LmtpSite(known, policy(settings), store, trace_key(settings))


def needed(settings: Settings, key: str) -> str:
    """Return a setting that has no default and that a command cannot do without.

    Raises:
        ConfigError: it is not set.
    """
    value = settings.value(key)
    if value is None:
        raise ConfigError([Problem("settings", key, "must be set for this command")])
    return str(value)


def _canonical(key: str, parse: Callable[[str], Value], text: str | None) -> Value | None:
    if text is None:
        return None
    try:
        return parse(text)
    except (AddressSyntaxError, DomainSyntaxError) as error:
        raise ConfigError([Problem("settings", key, str(error))]) from error


def trace_key(settings: Settings) -> bytes | None:
    """Return the key that vouches for our own Delivered-To fields; None without one."""
    return settings.trace.key.encode() if settings.trace.key else None
