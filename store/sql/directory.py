"""The directory over SQL: one read-only statement for each look-up, in a second or not at all."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from time import monotonic

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from routing.address import Address
from routing.directory import LookupFailed
from routing.records import Alias, HostedDomain, Mailbox, Name
from store.sql.database import Database
from store.sql.directory_query import CATCH_ALL, HOSTED, NAME, OLDEST, STATEMENT, SYSTEM, Found
from store.sql.purpose import LOOKUP
from store.sql.turns import Turns

_RETRY_WITHIN = 0.5  # seconds; a lost connection shows at once, a silent server has used up our time


class SqlDirectory:
    """Implements :class:`routing.directory.Directory`; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._lookups = database.lookups
        self._turns = Turns(LOOKUP.pool_size)

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
        return _records(self._ask({"domains": domains, "locals": locals_}), set(wanted))

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
        with self._turns.turn(LOOKUP.lock), self._lookups.connect() as connection:
            return [Found(*row) for row in connection.execute(STATEMENT, parameters)]


def _can_be_stored(text: str) -> bool:
    """False for what no row can hold and a driver may choke on: NUL, undecoded bytes, anything but ASCII."""
    return text.isascii() and text.isprintable()


def _records(rows: Iterable[Found], wanted: Collection[Address]) -> dict[str, HostedDomain]:
    hosted: list[Found] = []
    mailboxes: dict[tuple[str, str], Mailbox] = {}
    names: defaultdict[str, dict[str, Name]] = defaultdict(dict)
    for row in rows:
        if row.part == HOSTED:
            hosted.append(row)
        elif row.part != NAME:
            mailboxes[row.part, row.domain] = _mailbox(row)
        elif Address(row.name, row.domain) in wanted:
            names[row.domain][row.name] = _name(row)
    return {
        row.domain: HostedDomain(
            row.domain,
            is_active=row.domain_active,
            account_active=row.account_active,
            catch_all=mailboxes.get((CATCH_ALL, row.domain)),
            system_mailbox=mailboxes.get((SYSTEM, row.domain)),
            oldest_mailbox=mailboxes.get((OLDEST, row.domain)),
            names=names[row.domain],
        )
        for row in hosted
    }


def _name(row: Found) -> Name:
    mailbox = _mailbox(row)
    if row.alias_active is None:
        return mailbox
    return Alias(mailbox, is_active=row.alias_active, can_receive=row.alias_receives, can_send=row.alias_sends)


def _mailbox(row: Found) -> Mailbox:
    return Mailbox(
        Address(row.mailbox_local, row.mailbox_domain),
        is_active=row.mailbox_active,
        domain_active=row.mailbox_domain_active,
        account_active=row.mailbox_account_active,
    )
