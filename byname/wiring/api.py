"""What the API works with."""

import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from admin_api import signing
from admin_api.background import Worker
from admin_api.http.connections import ConnectionLimits
from admin_api.http.rate_limit import RateLimit
from admin_api.http.turns import Turns
from admin_api.sending.courier import Courier
from admin_api.sending.imap import SentFolder
from admin_api.sending.metrics import SendingMetrics
from admin_api.sending.sent_copies import SentCopies
from admin_api.sending.smtp import Listener
from admin_api.signing import Signer
from admin_api.site import ApiSite, Clients, Dashboard, Dns, Explaining, Mcp, Sending
from byname.wiring import needed, policy
from byname.wiring.directory import cache_directory, health, sql_directory
from byname.wiring.dns import domain_checker
from byname.wiring.filters import filter_policy
from conf.clients import imap_server
from conf.dashboard import span
from conf.listen import is_loopback, parse_host_port
from conf.sections import SentCopySettings
from conf.settings import ConfigError, Problem, Settings
from routing.directory import Directory
from store.cache.propagation import PropagationWaiter, waiting
from store.services.domain_checks.checker import CheckQueue
from store.services.sessions import Lifetimes
from store.sql.database import Database
from store.unit_of_work.unit import Wait, live_at_once


def api_site(
    settings: Settings,
    database: Database,
    known: Directory,
    registry: CollectorRegistry,
    wake: Callable[[], None] | None = None,
    wake_filters: Callable[[], None] = lambda: None,
) -> ApiSite:
    """Return what the API works with. ``known`` decides about mail, and reports whether the backends answer.

    ``wake`` tells the courier that a message was kept; without a courier nothing can be sent. ``wake_filters`` tells
    the installer that rules were changed.

    Raises:
        ConfigError: a key that shapes decisions is wrong.
        StoreNotReady: ``cache.url`` is none.
    """
    api = settings.api
    return ApiSite(
        database=database,
        system_names=frozenset(settings.routing.system_addresses),
        token_prefixes=api.token_prefixes,
        rate_limit=RateLimit(api.rate, api.burst),
        base_url=api.base_url,
        wait=_wait(settings, database),
        explaining=Explaining(policy(settings), known, cache_directory(settings), sql_directory(database)),
        dns=_dns(settings, database),
        health=health(known),
        waiting=lambda: waiting(database),
        registry=registry,
        connection_limits=ConnectionLimits(api.stall_timeout, api.max_connections),
        dashboard=_dashboard(settings),
        clients=_clients(settings),
        mcp=mcp_of(settings),
        sending=None if wake is None else _sending(settings, wake),
        turns=None if database.writers is None else Turns(database.writers),
        filters=filter_policy(settings),
        wake_filters=wake_filters,
    )


def _sending(settings: Settings, wake: Callable[[], None]) -> Sending:
    given = settings.sending
    return Sending(given.per_day, given.max_bytes, wake, sent_copies=settings.sent_copy.imap is not None)


def couriers(settings: Settings, database: Database, registry: CollectorRegistry) -> list[Worker]:
    """Return what carries messages to the mail server, and what keeps copies of them; none where nothing can be sent.

    The first is the one to wake when a message was kept.

    Raises:
        ConfigError: a listener without a key; a file of certificates that cannot be read.
    """
    if settings.sending.listener is None:
        return []
    key = needed(settings, "sending.key").encode()
    listener = Listener(parse_host_port(settings.sending.listener), key)
    meters = SendingMetrics(registry, database)
    into = sent_folder(settings.sent_copy)
    if into is None:
        return [Courier(database, listener, meters=meters)]
    copies = SentCopies(database, into, meters=meters)
    return [Courier(database, listener, is_sent=copies.wake, meters=meters), copies]


def sent_folder(given: SentCopySettings) -> SentFolder | None:
    """Return where copies go; None where none are kept. Raises ConfigError: its certificates cannot be read."""
    if given.imap is None or given.master is None or given.password is None:
        return None
    authority = None if given.authority is None else Path(given.authority)
    try:
        ssl.create_default_context(cafile=given.authority)
    except OSError as error:
        problem = Problem("settings", "sent_copy.authority", f"cannot be read: {error.strerror or error}")
        raise ConfigError([problem]) from error
    return SentFolder(imap_server(given.imap), authority, given.master, given.password, given.folder)


def _dashboard(settings: Settings) -> Dashboard | None:
    given = settings.dashboard
    if not given.enabled:
        return None
    lifetimes = Lifetimes(span(given.session_idle), span(given.session_max))
    path = given.path.rstrip("/")
    return Dashboard(path, lifetimes, given.owners, given.upgrade_url, given.brand, given.second_factor)


def mcp_of(settings: Settings) -> Mcp | None:
    """Return what requests to ``/mcp`` may name as host and origin: where the API listens, its base_url, and more."""
    if not settings.mcp.enabled:
        return None
    at = parse_host_port(settings.api.listen)
    own = [f"[{at.host}]:{at.port}" if ":" in at.host else f"{at.host}:{at.port}"]
    if is_loopback(at.host):
        own += [f"{host}:{at.port}" for host in ("127.0.0.1", "[::1]", "localhost")]
    origins = [f"http://{host}" for host in own]
    if settings.api.base_url is not None:
        base = urlsplit(settings.api.base_url)
        own.append(base.netloc)
        origins.append(f"{base.scheme}://{base.netloc}")
    return Mcp((*own, *settings.mcp.allowed_hosts), (*origins, *settings.mcp.allowed_origins))


def _clients(settings: Settings) -> Clients:
    given = settings.clients
    sending = given.submission_server, given.submissions_server
    return Clients(given.imap_server, *sending, given.webmail, _signer(given.profile_certificate, given.profile_key))


def _signer(certificate: str | None, key: str | None) -> Signer | None:
    if certificate is None or key is None:
        return None
    try:
        return signing.load(Path(certificate), Path(key))
    except OSError as error:
        rule = f"cannot be read: {error.filename}: {error.strerror}"
    except ValueError as error:
        rule = str(error)
    raise ConfigError([Problem("settings", "clients.profile_certificate", rule)])


def _wait(settings: Settings, database: Database) -> Wait:
    """Return what waits for the cache. Without one the milters read the store itself: a change is live at once."""
    if settings.cache.url is None:
        return live_at_once
    return PropagationWaiter(database, settings.cache.url).wait_until_live


def _dns(settings: Settings, database: Database) -> Dns:
    checker = domain_checker(settings, database)
    return Dns(checker.expected, len(checker.resolvers.servers), CheckQueue(checker).put)
