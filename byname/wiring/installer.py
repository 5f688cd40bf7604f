"""What brings people's rules to the ManageSieve server."""

import ssl
from datetime import timedelta

from prometheus_client import CollectorRegistry

from admin_api.filtering.client import Server
from admin_api.filtering.connection import Patience, tls_context
from admin_api.filtering.installer import Installer, Site, outcome_counter
from byname.wiring import needed
from byname.wiring.filters import filter_policy
from conf.listen import Socket
from conf.settings import ConfigError, Problem, Settings
from store.sql.database import Database

_ANSWERS = 3  # so many times the patience for one answer is that for a mailbox


def installer(settings: Settings, database: Database, registry: CollectorRegistry) -> Installer | None:
    """Return what installs rules; None where they are installed nowhere.

    Raises:
        ConfigError: ``filters.ca`` cannot be read.
    """
    place, outcomes = settings.filters.place, outcome_counter(registry)
    return None if place is None else Installer(database, filter_site(settings, place), outcomes)


def filter_site(settings: Settings, place: Socket) -> Site:
    """Return where scripts go. Raises ConfigError as :func:`installer`."""
    given = settings.filters
    patience = Patience(given.connect_timeout, given.answer_timeout, _ANSWERS * given.answer_timeout)
    tls = None if given.tls == "none" else _context(given.ca)
    login = needed(settings, "filters.master_user"), needed(settings, "filters.master_password")
    server = Server(place, given.tls, tls, *login, patience)
    return Site(server, filter_policy(settings), given.script, timedelta(minutes=given.recheck_minutes))


def _context(ca: str | None) -> ssl.SSLContext:
    try:
        return tls_context(ca)
    except OSError as error:  # ssl.SSLError is one
        rule = f"cannot be read as certificates: {ca}: {error.strerror or error}"
    raise ConfigError([Problem("settings", "filters.ca", rule)])
