"""What the API works with."""

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry

from admin_api import signing
from admin_api.http.connections import ConnectionLimits
from admin_api.http.rate_limit import RateLimit
from admin_api.sending.courier import Courier
from admin_api.sending.smtp import Listener
from admin_api.signing import Signer
from admin_api.site import ApiSite, Clients, Dashboard, Dns, Explaining, Sending
from byname.wiring import needed, policy
from byname.wiring.directory import cache_directory, health, sql_directory
from byname.wiring.dns import domain_checker
from byname.wiring.filters import filter_policy
from conf.dashboard import span
from conf.listen import parse_host_port
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
        filters=filter_policy(settings),
        sending=None if wake is None else Sending(settings.sending.per_day, settings.sending.max_bytes, wake),
        wake_filters=wake_filters,
    )


def courier(settings: Settings, database: Database) -> Courier | None:
    """Return what carries messages to the mail server; None where nothing can be sent.

    Raises:
        ConfigError: a listener without a key.
    """
    if settings.sending.listener is None:
        return None
    key = needed(settings, "sending.key").encode()
    return Courier(database, Listener(parse_host_port(settings.sending.listener), key))


def _dashboard(settings: Settings) -> Dashboard | None:
    given = settings.dashboard
    if not given.enabled:
        return None
    lifetimes = Lifetimes(span(given.session_idle), span(given.session_max))
    path = given.path.rstrip("/")
    return Dashboard(path, lifetimes, given.owners, given.upgrade_url, given.brand, given.second_factor)


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
