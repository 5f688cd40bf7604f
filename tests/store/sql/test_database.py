"""Opening, checking and using a database that is missing, wrong, locked, read-only or closed to us."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.exc import StatementError

from routing.address import Address
from routing.directory import LookupFailed
from store.clock import utc_now
from store.errors import CODES, ServiceError, StoreNotReady, StoreUnavailable
from store.migrations import migrate
from store.services import accounts
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.tables import AccountRow
from tests.store.timing import within

JOHN = Address("john", "brand-a.com")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "byname.db",
        "/var/lib/byname.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "sqlite://host/byname.db",
        "mysql://byname:s3cret@host/byname",
        "postgresql+psycopg2://byname:s3cret@host/byname",
        "postgresql+nonsense://byname:s3cret@host/byname",
        "postgresql://byname:s3cret@host:port/byname",
        "nonsense s3cret",
    ],
)
def test_bad_urls(url: str) -> None:
    for attempt in (Database.open, migrate.upgrade, migrate.revision, migrate.schema_drift):
        with pytest.raises(StoreNotReady) as error:
            attempt(url)
        assert "store.url" in str(error.value)
        assert "s3cret" not in str(error.value)
        assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    ["sqlite:///x.db", "sqlite+pysqlite:////x.db", "postgresql://h/d", "postgres://h/d", "postgresql+psycopg://h/d"],
)
def test_good_urls_open_without_connecting(url: str) -> None:
    Database.open(url).close()


def test_a_missing_file_is_told_and_never_made(tmp_path: Path) -> None:
    path = tmp_path / "byname.db"
    database = Database.open(f"sqlite:///{path}")
    attempts: tuple[Callable[[], object], ...] = (
        database.check,
        lambda: migrate.revision(f"sqlite:///{path}"),
        lambda: migrate.schema_drift(f"sqlite:///{path}"),
        lambda: _write(database),
    )
    for attempt in attempts:
        with pytest.raises(StoreNotReady, match=f"no database file {path}; run: byname db upgrade"):
            attempt()
    with pytest.raises(LookupFailed):
        SqlDirectory(database).lookup([JOHN])
    assert list(tmp_path.iterdir()) == []


def test_an_unmigrated_database_is_told(spare_url: str) -> None:
    if spare_url.startswith("sqlite"):
        Path(spare_url.removeprefix("sqlite:///")).touch()
    database = Database.open(spare_url)
    for attempt in (database.check, lambda: _write(database)):
        with pytest.raises(StoreNotReady, match="run: byname db upgrade"):
            attempt()
    with pytest.raises(LookupFailed):
        SqlDirectory(database).lookup([JOHN])
    database.close()


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "byname.db"
    path.write_bytes(b"hello, I am a letter and no database " * 99)
    with pytest.raises(StoreNotReady, match="not an SQLite database"):
        Database.open(f"sqlite:///{path}").check()
    with pytest.raises(StoreNotReady, match="not an SQLite database"):
        migrate.upgrade(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"hello")


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        Database.open(f"sqlite:///{tmp_path}").check()


def test_reading_cannot_write(world: Database) -> None:
    with pytest.raises(StoreUnavailable, match=r"read-only|cannot be written"), world.read() as tx:
        tx.execute(update(AccountRow).values(plan="agency"))


def test_a_reader_sees_one_state_throughout(world: Database) -> None:
    with world.read() as tx:
        before = accounts.list_all(tx)
        with world.write() as writing:
            accounts.create(writing, "newcomer", "pro")
        assert accounts.list_all(tx) == before


def test_a_locked_file(sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    world = Database.open(sqlite_url)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    holder.execute("UPDATE accounts SET plan = 'pro'")
    with within(2.5), pytest.raises(LookupFailed):
        SqlDirectory(world).lookup([JOHN])
    with pytest.raises(StoreUnavailable, match="locked by another program"):
        world.check()
    holder.close()
    assert SqlDirectory(world).lookup([JOHN]) == {}
    world.close()


def test_an_unforeseen_collision_is_a_conflict(world: Database) -> None:
    with pytest.raises(ServiceError) as error, world.write() as tx:
        tx.add(AccountRow(name="acme", plan="pro"))
    assert error.value.code == "conflict"


def test_moments_are_utc(world: Database) -> None:
    zone = timezone(timedelta(hours=9))
    moment = datetime(2026, 11, 23, 9, 30, 0, 123456, tzinfo=zone)
    with world.write() as tx:
        tx.execute(update(AccountRow).values(first_payment_at=moment))
    with world.read() as tx:
        found = accounts.list_all(tx)[0].first_payment_at
    assert found == moment
    assert found.tzinfo is UTC
    assert utc_now().tzinfo is UTC


def test_a_moment_without_a_zone_is_a_bug(world: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"), world.write() as tx:
        tx.execute(update(AccountRow).values(first_payment_at=datetime(2026, 11, 23)))


def test_errors_carry_what_the_api_needs() -> None:
    refusal = ServiceError("address-taken", "taken", field="local_part", hint="another", details={"a": 1})
    assert (str(refusal), refusal.code, refusal.message) == ("taken", "address-taken", "taken")
    assert (refusal.field, refusal.hint, refusal.details) == ("local_part", "another", {"a": 1})
    assert refusal.status == 409
    assert CODES["alias-not-renamable"] == 422


def _write(database: Database) -> None:
    with database.write() as tx:
        accounts.create(tx, "acme", "pro")
