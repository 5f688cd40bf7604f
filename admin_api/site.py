"""What the API is given to work with; :mod:`byname.wiring` puts it together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry

from admin_api.buckets import TokenBuckets
from admin_api.heavy_turns import HeavyTurns, bulk_turns, import_turns
from admin_api.key_turns import KeyTurns
from routing.directory import Directory
from routing.policy import Policy
from store.cache.propagation import Propagation
from store.dns.records import Expected
from store.sql.database import Database

Health = Callable[[], Mapping[str, str]]  # "ok" or a reason, by backend


class Wait(Protocol):
    """Waits until the cache holds a change: see :meth:`store.cache.propagation.Waiter.wait_until_live`."""

    def __call__(self, version: int | None) -> Propagation:
        """Return "live" or "pending"; "live" at once where there is no cache."""
        ...


@dataclass(frozen=True, slots=True)
class Explaining:
    """Who is asked for an explanation: what decides, and each backend by itself."""

    policy: Policy
    deciding: Directory
    cache: Directory | None
    sql: Directory


@dataclass(frozen=True, slots=True)
class Dns:
    """What domains are asked to publish, and how a check of it is had."""

    expected: Expected
    nameservers: int  # that are asked
    recheck: Callable[[int], None]  # takes the id of a check, and returns at once


@dataclass(frozen=True, slots=True)
class ApiSite:
    """One site's store, rules and limits."""

    database: Database
    system_names: frozenset[str]
    token_prefixes: tuple[str, ...]  # of account, message and operator tokens
    buckets: TokenBuckets
    base_url: str | None
    wait: Wait
    explaining: Explaining
    dns: Dns
    health: Health
    waiting: Callable[[], int]  # changes that the relay has not brought to the cache
    registry: CollectorRegistry
    turns: KeyTurns = field(default_factory=KeyTurns)
    imports: HeavyTurns = field(default_factory=import_turns)
    bulk_calls: HeavyTurns = field(default_factory=bulk_turns)
