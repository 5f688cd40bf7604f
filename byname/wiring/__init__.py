"""Which implementation serves which protocol: the only place that chooses.

Here is what every command needs. What some need has a module of its own beside this one (``directory`` for daemons and
``explain``, ``cache``, ``lmtp``, ``api``, ``dns``): their libraries would cost every other process half a
second at its start.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from conf.settings import ConfigError, Problem, Settings
from routing.address import Address, AddressSyntaxError
from routing.domain import DomainSyntaxError, canonical_domain
from routing.policy import Policy

if TYPE_CHECKING:  # heavy, and a daemon with a cache needs it late (byname.wiring.late_store)
    from store.sql.database import Database

Value = TypeVar("Value")


def open_database(settings: Settings) -> "Database":
    """Return the store of these settings. The caller closes it.

    Raises:
        StoreNotReady: there is no such database, or it is not migrated.
        StoreUnavailable: it does not answer.
    """
    from store.sql.database import Database

    return Database.open(settings.store.url)


def policy(settings: Settings) -> Policy:
    """Return the settings that shape decisions.

    Raises:
        ConfigError: ``routing.postmaster`` or ``senders.default_domain`` is none by the core's stricter rules.
    """
    routing, senders = settings.routing, settings.senders
    return Policy(
        recipient_delimiter=routing.recipient_delimiter,
        max_stripped_fields=routing.max_stripped_fields,
        suspended=routing.suspended,
        system_addresses=frozenset(routing.system_addresses),
        postmaster=canonical("routing.postmaster", Address.parse, routing.postmaster),
        default_domain=canonical("senders.default_domain", canonical_domain, senders.default_domain),
        display_name_addresses=senders.display_name_addresses,
        inbound_spoof=senders.inbound_spoof,
        colleague_names=senders.colleague_names,
        forged_trust=senders.forged_trust,
        authserv_ids=frozenset(name.lower().rstrip(".") for name in senders.authserv_ids),
        foreign_organizer=senders.foreign_organizer,
    )


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
