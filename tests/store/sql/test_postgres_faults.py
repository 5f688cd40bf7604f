"""A PostgreSQL that is away, killed, stopped dead, locked or closed to us: late is as bad as wrong."""

import signal
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from sqlalchemy import Connection, literal_column, select, text

from routing.address import Address
from routing.directory import LookupFailed
from store.errors import StoreNotReady, StoreUnavailable
from store.migrations import migrate
from store.services import accounts
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.prepared import Prepared
from tests.store.postgres_server import PostgresServer
from tests.store.timing import within

JOHN = Address("john", "brand-a.com")
_ONE = Prepared(select(literal_column("1")))
_numbers = count()


def _executed(connection: Connection) -> object:
    return connection.execute(text("SELECT 1"))


def _prepared(connection: Connection) -> object:
    return _ONE.rows(connection)


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    opened = Database.open(postgres_url)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://byname:s3cret@127.0.0.1:9/byname",  # refused
        "postgresql://byname:s3cret@/byname?host=/nonexistent",
        "postgresql://byname:s3cret@host.invalid/byname",
    ],
)
def test_unreachable(url: str) -> None:
    database = Database.open(url)
    for attempt in (database.check, lambda: migrate.upgrade(url), lambda: _write(database)):
        with within(4), pytest.raises(StoreUnavailable) as error:
            attempt()
        assert "s3cret" not in repr(error.value)
        assert "s3cret" not in repr(error.value.__cause__)
    with within(4), pytest.raises(LookupFailed):
        SqlDirectory(database).lookup([JOHN])


def test_no_such_database(postgres: PostgresServer) -> None:
    with pytest.raises(StoreNotReady, match="no database of that name"):
        Database.open(postgres.url("missing")).check()


def test_killed_and_started_again(postgres: PostgresServer, database: Database) -> None:
    """The look-up fails while the server is away and recovers by itself, on the first question after."""
    directory = SqlDirectory(database)
    assert directory.lookup([JOHN]) == {}
    postgres.stop(signal.SIGQUIT)
    try:
        for _ in range(2):
            with within(1), pytest.raises(LookupFailed):
                directory.lookup([JOHN])
        with pytest.raises(StoreUnavailable):
            _write(database)
    finally:
        postgres.start()
    assert directory.lookup([JOHN]) == {}
    _write(database)


def test_a_restart_between_two_questions_goes_unnoticed(postgres: PostgresServer, database: Database) -> None:
    directory = SqlDirectory(database)
    assert directory.lookup([JOHN]) == {}
    postgres.stop(signal.SIGQUIT)
    postgres.start()
    assert directory.lookup([JOHN]) == {}


def test_a_connection_ended_by_the_server_goes_unnoticed(postgres: PostgresServer, database: Database) -> None:
    directory = SqlDirectory(database)
    assert directory.lookup([JOHN]) == {}
    postgres.end_sessions("byname")
    assert directory.lookup([JOHN]) == {}


@pytest.mark.parametrize("ask", [_executed, _prepared])
def test_one_lost_connection_is_found_for_all(
    postgres: PostgresServer, database: Database, ask: Callable[[Connection], object]
) -> None:
    """After a restart one question is refused at most, not one for each kind of connection."""

    def ask_all() -> None:
        _write(database)
        with database.read() as tx:
            ask(tx.connection())
        for writes in (False, True):
            with database.alone(writes=writes) as connection:
                ask(connection)

    ask_all()
    postgres.stop(signal.SIGQUIT)
    postgres.start()
    with pytest.raises(StoreUnavailable):
        ask_all()
    ask_all()


def test_stopped_dead(postgres: PostgresServer, database: Database) -> None:
    """An open connection gets no answer, a new one no welcome; both end in time."""
    directory = SqlDirectory(database)
    assert directory.lookup([JOHN]) == {}
    postgres.freeze()
    try:
        with within(1.8), pytest.raises(LookupFailed):
            directory.lookup([JOHN])
        with within(2.8), pytest.raises(LookupFailed):
            directory.lookup([JOHN])
        with within(2.8), pytest.raises(StoreUnavailable):
            database.check()
    finally:
        postgres.thaw()
    assert directory.lookup([JOHN]) == {}


def test_a_locked_table(database: Database) -> None:
    directory = SqlDirectory(database)
    with database.write() as tx:
        tx.connection().exec_driver_sql("LOCK TABLE addresses IN ACCESS EXCLUSIVE MODE")
        with within(1.8), pytest.raises(LookupFailed):
            directory.lookup([JOHN])
    assert directory.lookup([JOHN]) == {}


def test_a_writer_in_the_way(database: Database) -> None:
    """A second writer of one row waits up to five seconds, then says so."""
    name = _write(database)
    with database.write() as tx:
        accounts.update(tx, name, plan="agency")
        with within(7), pytest.raises(StoreUnavailable, match="busy"), database.write() as second:
            accounts.update(second, name, plan="nano")


def test_a_slow_statement_is_ended_by_the_server(database: Database) -> None:
    with within(1.8), database.lookups.connect() as connection, pytest.raises(Exception, match="statement timeout"):
        connection.exec_driver_sql("SELECT pg_sleep(5)")


@pytest.mark.parametrize(
    ("purpose", "setting", "value"),
    [
        ("lookups", "default_transaction_read_only", "on"),
        ("lookups", "statement_timeout", "1s"),
        ("write", "transaction_isolation", "read committed"),
        ("write", "lock_timeout", "5s"),
        ("read", "transaction_isolation", "repeatable read"),
        ("read", "transaction_read_only", "on"),
    ],
)
def test_settings_of_a_connection(database: Database, purpose: str, setting: str, value: str) -> None:
    if purpose == "lookups":
        with database.lookups.connect() as connection:
            assert connection.exec_driver_sql(f"SHOW {setting}").scalar() == value
        return
    with getattr(database, purpose)() as tx:
        assert tx.connection().exec_driver_sql(f"SHOW {setting}").scalar() == value


def test_options_in_the_url_are_kept(postgres_url: str) -> None:
    database = Database.open(f"{postgres_url}&options=-c%20work_mem%3D8MB")
    with database.lookups.connect() as connection:
        assert connection.exec_driver_sql("SHOW work_mem").scalar() == "8MB"
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "1s"
    database.close()


def _write(database: Database) -> str:
    with database.write() as tx:
        return accounts.create(tx, f"acme-{next(_numbers)}", "pro").name
