"""Which implementation serves which protocol: the only place that chooses."""

from collections.abc import Callable
from typing import TypeVar

from conf.settings import ConfigError, Problem, Settings
from edges.lmtp_delivery import LmtpSite
from edges.lmtp_pool import Pool
from routing.address import Address, AddressSyntaxError
from routing.directory import Directory
from routing.domain import DomainSyntaxError, canonical_domain
from routing.policy import Policy
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


def directory(database: Database) -> Directory:
    """Return what the decisions ask. Without a cache that is SQL itself (DESIGN section 6)."""
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


def lmtp_site(settings: Settings, database: Database) -> LmtpSite:
    """Return what the LMTP edge decides and delivers with.

    Raises:
        ConfigError: ``lmtp.backend`` is missing, or a key that shapes decisions is wrong.
    """
    store = Pool(needed(settings, "lmtp.backend"))
    return LmtpSite(directory(database), policy(settings), store, trace_key(settings))


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
