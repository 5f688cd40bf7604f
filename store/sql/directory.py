"""The SQL directory: one read-only statement for each look-up, within a second or not at all."""

from collections.abc import Collection, Mapping
from time import monotonic

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from routing.address import Address
from routing.directory import LookupFailed
from routing.records import HostedDomain
from store.sql.database import Database
from store.sql.directory_query import STATEMENT, Found
from store.sql.directory_rows import records
from store.sql.fair_semaphore import FairSemaphore
from store.sql.pool_profiles import LOOKUP

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
        domains = sorted({address.domain for address in wanted if _can_be_stored(address.domain)})
        if not domains:
            return {}
        locals_ = sorted({address.local for address in wanted if _can_be_stored(address.local)})
        return records(self._ask({"domains": domains, "locals": locals_}), set(wanted))

    def _ask(self, parameters: Mapping[str, list[str]]) -> list[Found]:
        started = monotonic()
        try:
            return self._ask_once(parameters)
        except DBAPIError as error:
            if not error.connection_invalidated or monotonic() - started > _RETRY_WITHIN:
                raise LookupFailed("the database gave no answer") from error
        except (SQLAlchemyError, TimeoutError) as error:
            raise LookupFailed("no connection to the database is free") from error
        try:
            return self._ask_once(parameters)
        except (SQLAlchemyError, TimeoutError) as error:
            raise LookupFailed("the database cannot be reached") from error

    def _ask_once(self, parameters: Mapping[str, list[str]]) -> list[Found]:
        with self._lookups_at_once.acquired(LOOKUP.lock), self._lookups.connect() as connection:
            return [Found(*row) for row in connection.execute(STATEMENT, parameters)]


def _can_be_stored(text: str) -> bool:
    """False for what no row can hold and a driver may choke on: NUL, undecoded bytes, anything but ASCII."""
    return text.isascii() and text.isprintable()
