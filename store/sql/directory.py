"""The SQL directory: one read-only statement for a look-up, one more for people, within a second or not at all."""

from collections.abc import Callable, Collection, Mapping
from time import monotonic
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from routing.address import Address
from routing.directory import LookupFailed
from routing.people import account_of
from routing.records import HostedDomain
from store.sql.database import Database
from store.sql.directory_query import found_rows
from store.sql.directory_rows import records
from store.sql.fair_semaphore import FairSemaphore
from store.sql.people import find_people
from store.sql.pool_profiles import LOOKUP
from store.wire_format.unreadable import Unreadable

Answer = TypeVar("Answer")

_RETRY_WITHIN = 0.5  # seconds; a lost connection shows at once, a silent server has used up our time


class SqlDirectory:
    """The SQL directory: a :class:`routing.directory.Directory`; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._lookups = database.lookups
        self._lookups_at_once = FairSemaphore(LOOKUP.pool_size)

    def lookup(self, wanted: Collection[Address]) -> Mapping[str, HostedDomain]:
        """Answer from the database.

        A connection that was lost, as after a restart of the server, is replaced and the question asked once more.

        Raises:
            LookupFailed: on any trouble with the database: unreachable, locked, late, not migrated, damaged.
        """
        persons = {address for address in wanted if account_of(address.domain) is not None}
        found = self._ask(lambda connection: find_people(connection, persons)) if persons else {}
        wanted = set(wanted) - persons
        domains = sorted({address.domain for address in wanted if _can_be_stored(address.domain)})
        if not domains:
            return found
        locals_ = sorted({address.local for address in wanted if _can_be_stored(address.local)})
        rows = self._ask(lambda connection: found_rows(connection, domains, locals_))
        try:
            return found | records(rows, wanted)
        except Unreadable as error:
            raise LookupFailed("a row of the database is damaged") from error

    def _ask(self, question: Callable[[Connection], Answer]) -> Answer:
        started = monotonic()
        try:
            return self._ask_once(question)
        except DBAPIError as error:
            if not error.connection_invalidated or monotonic() - started > _RETRY_WITHIN:
                raise LookupFailed("the database gave no answer") from error
        except (SQLAlchemyError, TimeoutError) as error:
            raise LookupFailed("no connection to the database is free") from error
        try:
            return self._ask_once(question)
        except (SQLAlchemyError, TimeoutError) as error:
            raise LookupFailed("the database cannot be reached") from error

    def _ask_once(self, question: Callable[[Connection], Answer]) -> Answer:
        with self._lookups_at_once.acquired(LOOKUP.lock), self._lookups.connect() as connection:
            return question(connection)


def _can_be_stored(text: str) -> bool:
    """False for what no row can hold and a driver may choke on: NUL, undecoded bytes, anything but ASCII."""
    return text.isascii() and text.isprintable()
