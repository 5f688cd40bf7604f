"""Which implementation serves which protocol: the only place that chooses.

What only the API or the checks of domains need is in ``wiring_api`` and ``wiring_dns``: their libraries would cost
every other process a third of a second at its start.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TypeVar

from prometheus_client import CollectorRegistry

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
from store.cache.propagation import Propagation, Waiter
from store.cache.service import Site
from store.cache.target import Lives
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
        postmaster=canonical("routing.postmaster", Address.parse, routing.postmaster),
        default_domain=canonical("senders.default_domain", canonical_domain, senders.default_domain),
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


def canonical(key: str, parse: Callable[[str], Value], text: str | None) -> Value | None:
    """Return a setting in the core's form. Raises ConfigError: it is none by the core's stricter rules."""
    if text is None:
        return None
    try:
        return parse(text)
    except (AddressSyntaxError, DomainSyntaxError) as error:
        raise ConfigError([Problem("settings", key, str(error))]) from error


def trace_key(settings: Settings) -> bytes | None:
    """Return the key that vouches for our own Delivered-To fields; None without one."""
    return settings.trace.key.encode() if settings.trace.key else None
