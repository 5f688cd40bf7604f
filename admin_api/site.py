"""What the API is given to work with; :mod:`byname.wiring` puts it together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client import CollectorRegistry

from admin_api.http.connections import ConnectionLimits
from admin_api.http.rate_limit import RateLimit
from admin_api.http.turns import Turns
from admin_api.signing import Signer
from conf.clients import Server
from routing.directory import Directory
from routing.filters.policy import FilterPolicy
from routing.policy import Policy
from store.dns.records import Expected
from store.services.sessions import Lifetimes
from store.sql.database import Database
from store.unit_of_work.concurrency_limit import ConcurrencyLimit, bulk_limit, import_limit, message_limit
from store.unit_of_work.idempotency_lock import IdempotencyLock
from store.unit_of_work.sign_in import SignInRules
from store.unit_of_work.sign_in_limit import SignInLimit
from store.unit_of_work.unit import Wait

Health = Callable[[], Mapping[str, str]]  # "ok" or a reason, by backend


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


Owners = Literal["off", "view", "toggle", "manage"]
SecondFactor = Literal["off", "optional", "required"]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The pages for people."""

    path: str  # without a slash at its end: "" or "/dashboard"
    lifetimes: Lifetimes
    owners: Owners  # what owners of mailboxes may do
    upgrade_url: str | None
    brand: str
    second_factor: SecondFactor = "optional"

    @property
    def sign_in_rules(self) -> SignInRules:
        """How people sign in here."""
        return SignInRules(self.lifetimes, owners=self.owners != "off", second_factor=self.second_factor != "off")


@dataclass(frozen=True, slots=True)
class Mcp:
    """Tools for agents, at ``/mcp``: which hosts and origins a request may name. Pages in browsers may be anybody's."""

    hosts: tuple[str, ...]  # host or host:port; host:* for any port
    origins: tuple[str, ...]  # scheme://host or scheme://host:port, likewise


@dataclass(frozen=True, slots=True)
class Sending:
    """How programs send."""

    per_day: int  # messages of a mailbox
    max_bytes: int  # of a request
    wake: Callable[[], None]  # tells the courier that there is something to do
    sent_copies: bool = False  # what is sent goes into the mailbox's folder of sent mail, too


@dataclass(frozen=True, slots=True)
class Clients:
    """What people type into their mail programs, as far as the operator has filled it in."""

    imap: Server | None = None
    submission: Server | None = None  # with STARTTLS
    submissions: Server | None = None  # in TLS from the start
    webmail: str | None = None
    signer: Signer | None = None  # of profiles


@dataclass(frozen=True, slots=True)
class ApiSite:
    """One site's store, rules and limits."""

    database: Database
    system_names: frozenset[str]
    token_prefixes: tuple[str, ...]  # of account, message and operator tokens
    rate_limit: RateLimit
    base_url: str | None
    wait: Wait
    explaining: Explaining
    dns: Dns
    health: Health
    waiting: Callable[[], int]  # changes that the relay has not brought to the cache
    registry: CollectorRegistry
    dashboard: Dashboard | None = None  # None: switched off
    clients: Clients = Clients()
    sending: Sending | None = None  # None: nothing can be sent
    mcp: Mcp | None = None  # None: switched off
    filters: FilterPolicy = field(default_factory=FilterPolicy)
    wake_filters: Callable[[], None] = lambda: None  # tells the installer that rules were changed
    idempotency_lock: IdempotencyLock = field(default_factory=IdempotencyLock)
    import_limit: ConcurrencyLimit = field(default_factory=import_limit)
    bulk_limit: ConcurrencyLimit = field(default_factory=bulk_limit)
    message_limit: ConcurrencyLimit = field(default_factory=message_limit)
    turns: Turns | None = None  # None: as many at once as come
    sign_in_limit: SignInLimit = field(default_factory=SignInLimit)
    connection_limits: ConnectionLimits = field(default_factory=ConnectionLimits)  # from the start of the process on
