"""The database under test: SQLite in a file, and a real PostgreSQL, for every test that asks for ``database``."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from store.migrations import migrate
from store.services import accounts, domains, mailboxes
from store.sql.database import Database
from store.sql.tables import Base
from tests.store.filling import Rows, put_rows, read_rows
from tests.store.new_store import make_store
from tests.store.postgres_server import PostgresServer, programs
from tests.store.redis_server import RedisServer, program_of
from tests.store.relay.relaying import Relaying

_numbers = count(1)
_LONGEST = "test_bench.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest: at the end the other processes would wait for it."""
    items.sort(key=lambda item: item.path.name != _LONGEST)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    binaries = programs()
    if binaries is None:
        missing = "no PostgreSQL server is installed: half of the store's tests cannot run"
        if os.environ.get("CI") or os.geteuid() == 0:
            pytest.fail(missing)
        pytest.skip(missing)
    server = PostgresServer(binaries)
    try:
        server.start()
        server.run_sql("CREATE DATABASE byname")
        migrate.upgrade(server.url("byname"))
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    make_store(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def opened() -> Callable[[str], Database]:
    """The database at a URL, the same object for all tests: each new one compiles every statement anew."""
    return cache(Database.open)


@pytest.fixture
def sqlite_url(sqlite_template: Path) -> str:
    """The same place for all tests, with a fresh file in it."""
    for left in sqlite_template.parent.glob("byname.db*"):
        left.unlink()
    return f"sqlite:///{shutil.copy(sqlite_template, sqlite_template.with_name('byname.db'))}"


@pytest.fixture
def postgres_url(postgres: PostgresServer, opened: Callable[[str], Database]) -> str:
    """One database for all tests, emptied before each: making a fresh one takes a third of a second."""
    if postgres.is_disturbed:
        opened(postgres.url("byname")).close()
        postgres.is_disturbed = False
    postgres.empty("byname", [table.name for table in reversed(Base.metadata.sorted_tables)])
    return postgres.url("byname")


@pytest.fixture
def spare_postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """An empty database without tables, for tests that break it."""
    name = f"spare_{next(_numbers)}"
    postgres.run_sql(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    postgres.run_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def spare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, once for each kind; the SQLite file does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'spare.db'}"
    return str(request.getfixturevalue("spare_postgres_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated, empty database, once for each kind."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def database(url: str, opened: Callable[[str], Database]) -> Iterator[Database]:
    """That database, opened. Connections to PostgreSQL stay open for the tests that follow."""
    yield opened(url)
    if url.startswith("sqlite"):
        opened(url).close()


@pytest.fixture
def sqlite_database(sqlite_url: str, opened: Callable[[str], Database]) -> Iterator[Database]:
    """The same for what needs only one kind."""
    yield opened(sqlite_url)
    opened(sqlite_url).close()


@pytest.fixture(scope="session")
def world_rows(sqlite_template: Path) -> Rows:
    """The rows of ``world``, made once by the services: hashing passwords takes time."""
    copy = shutil.copy(sqlite_template, sqlite_template.with_name("world.db"))
    database = Database.open(f"sqlite:///{copy}")
    with database.write() as tx:
        accounts.create(tx, "acme", "starter")
        accounts.create(tx, "rival", "agency")
        for name, account in (("brand-a.com", "acme"), ("brand-b.com", "acme"), ("rival.com", "rival")):
            domains.add(tx, name, account=account, verified=True)
        mailboxes.add(tx, "john@brand-a.com", "correct horse")
        mailboxes.add(tx, "eve@rival.com", "battery staple")
    rows = read_rows(database)
    database.close()
    return rows


@pytest.fixture
def world(database: Database, world_rows: Rows) -> Database:
    """Account acme (starter) with brand-a.com, brand-b.com and john@brand-a.com; account rival with rival.com."""
    with database.write() as tx:
        put_rows(tx, world_rows)
    return database


@pytest.fixture(scope="module", params=["redis", "valkey"])
def server_program(request: pytest.FixtureRequest) -> str:
    """The program of each server that may hold the cache."""
    return program_of(request.param)


@pytest.fixture(scope="session")
def one_redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def redis_server(one_redis: RedisServer) -> RedisServer:
    """An empty Redis, the same for all tests of a run that do not break it."""
    one_redis.admin.flushall()
    one_redis.admin.config_set("maxmemory-policy", "noeviction")
    return one_redis


@pytest.fixture
def relaying(database: Database, redis_server: RedisServer) -> Iterator[Relaying]:
    """A relay between the two, which has rebuilt the cache and given the lease."""
    opened = Relaying(database, redis_server)
    opened.settle()
    yield opened
    opened.close()
