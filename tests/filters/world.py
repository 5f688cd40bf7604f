"""Mailboxes with rules, and an installer that brings them to a private Dovecot one by one, when a test says so."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from admin_api.filtering.client import Server, Session, session
from admin_api.filtering.connection import Patience, Security, tls_context
from admin_api.filtering.installer import Installer, Site, outcome_counter
from byname.sandbox.certificate import Certificate
from byname.sandbox.dovecot_config import Filters
from conf.listen import InetSocket
from routing.filters.model import Action, ActionType, Condition, Field, MatchType, Operator, Rule
from routing.filters.policy import FilterPolicy
from store.clock import utc_now
from store.services import lookup
from store.services.filters import rules, scripts
from store.services.filters.rows import fill
from store.services.filters.views import FilterScript
from store.sql.database import Database
from store.sql.tables import FilterRuleRow

POLICY = FilterPolicy(forward=frozenset({"outside.example"}), installs=True)
PATIENCE = Patience(connect=5, answer=20, session=60)
NAME = "byname"
MANY = 20


def condition(field: Field, operator: Operator, value: str, header_name: str | None = None) -> Condition:
    return Condition(field, operator, value, header_name)


def act(kind: ActionType, value: str | None = None) -> Action:
    return Action(kind, value)


def rule(
    conditions: Condition | Sequence[Condition],
    actions: Action | Sequence[Action] = (),
    *,
    match: MatchType = "all",
    name: str = "a rule",
    stop: bool = False,
    enabled: bool = True,
) -> Rule:
    tests = (conditions,) if isinstance(conditions, Condition) else tuple(conditions)
    done = (actions,) if isinstance(actions, Action) else tuple(actions)
    return Rule(name, match, tests, done, stop, enabled)


def keep(database: Database, mailbox: str, given: Sequence[Rule]) -> None:
    """Give a mailbox more rules; of many, all but the last in one go, as the last one's checks are about them all."""
    with database.write() as tx:
        for position, one in enumerate(given[:-1], 1) if len(given) > MANY else ():
            row = FilterRuleRow(mailbox_id=lookup.mailbox(tx, mailbox).mailbox.id, position=position)
            fill(row, one)
            tx.add(row)
        for one in given if len(given) <= MANY else given[-1:]:
            rules.add(tx, mailbox, one, POLICY)


def state(database: Database, mailbox: str) -> FilterScript:
    with database.read() as tx:
        return scripts.state(tx, mailbox, POLICY)


def take_over(database: Database, mailbox: str) -> None:
    with database.write() as tx:
        scripts.take_over(tx, mailbox, POLICY)


def give_back(database: Database, mailbox: str) -> None:
    with database.write() as tx:
        scripts.give_back(tx, mailbox, POLICY)


def written(database: Database, mailbox: str) -> str:
    """Return the preview of a mailbox's script."""
    with database.read() as tx:
        return scripts.write(tx, mailbox, POLICY).text


def mailbox_id(database: Database, mailbox: str) -> int:
    with database.read() as tx:
        return lookup.mailbox(tx, mailbox).mailbox.id


def server(filters: Filters, security: Security = "starttls", ca: Certificate | None = None) -> Server:
    """Return a private Dovecot's ManageSieve, trusted by its own certificate or by that of another."""
    trusted = tls_context(str((ca or filters.certificate).certificate))
    port = filters.tls_port if security == "implicit" else filters.port
    tls = None if security == "none" else trusted
    login = filters.master_user, filters.master_password
    return Server(InetSocket("localhost", port), security, tls, *login, PATIENCE)


def installer(
    database: Database, at: Server, patience: Patience = PATIENCE, now: Callable[[], datetime] = utc_now
) -> Installer:
    """Return an installer whose threads do not run yet: a test calls ``install_one``."""
    site = Site(replace(at, patience=patience), POLICY, NAME, timedelta(hours=1))
    return Installer(database, site, outcome_counter(CollectorRegistry()), now)


def install_all(installs: Installer) -> int:
    """Install what is due, and return how many mailboxes that were."""
    count = 0
    while installs.install_one():
        count += 1
    return count


class Person:
    """Somebody at their own scripts, by any client of ManageSieve."""

    def __init__(self, at: Server, mailbox: str) -> None:
        self._at, self._mailbox = at, mailbox

    def put(self, name: str, content: bytes) -> None:
        with self._open() as opened:
            opened.put(name, content)

    def activate(self, name: str | None) -> None:
        with self._open() as opened:
            opened.activate(name)

    def delete(self, name: str) -> None:
        with self._open() as opened:
            opened.delete(name)

    def scripts(self) -> tuple[dict[str, bytes], str | None]:
        """Return what there is, and which is active."""
        with self._open() as opened:
            listing = opened.scripts()
            return {name: opened.content(name) for name in listing.names}, listing.active

    def _open(self) -> AbstractContextManager[Session]:
        return session(self._at, self._mailbox)
