"""One server for each kind of database and run; each test makes its own account there (tests.api.tenants)."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from store.sql.database import Database
from tests.api.hashing import Hashing, hashing_watched
from tests.api.running_api import CLIENTS, RunningApi, site_over
from tests.api.tenants import Tenant, secret_of, tenant
from tests.store.conftest import one_redis, opened, postgres, redis_server
from tests.store.new_store import make_store
from tests.store.postgres_server import PostgresServer

__all__ = ["one_redis", "opened", "postgres", "redis_server"]


@pytest.fixture(scope="session", autouse=True)
def hashing() -> Iterator[Hashing]:
    """See to it, in all tests of all doors over HTTP, that no transaction waits for the hash of a password."""
    with hashing_watched() as watched:
        yield watched


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def api_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a migrated database, once for each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('api') / 'byname.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        name = f"api_{secrets.token_hex(4)}"  # pytest makes this anew when tests of the other kind came between
        server.run_sql(f"CREATE DATABASE {name}")
        url = server.url(name)
    make_store(url)
    return url


@pytest.fixture(scope="session")
def shared_database(api_url: str) -> Iterator[Database]:
    opened = Database.open(api_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def api(shared_database: Database) -> Iterator[RunningApi]:
    """A server that all tests share."""
    running = RunningApi(site_over(shared_database, clients=CLIENTS))
    yield running
    running.close()


@pytest.fixture(scope="session")
def operator(api: RunningApi) -> httpx.Client:
    """A client with an operator's token."""
    return api.client(secret_of(api.database))


@pytest.fixture
def acme(api: RunningApi) -> Tenant:
    return tenant(api)


@pytest.fixture
def rival(api: RunningApi) -> Tenant:
    """Another account, whose things acme must not see."""
    return tenant(api, "agency")


@pytest.fixture(scope="session")
def sqlite_api_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``sqlite_api`` is, in a folder of its own: the same place for all tests, with a fresh file in it."""
    return tmp_path_factory.mktemp("own") / "byname.db"


@pytest.fixture
def sqlite_api(sqlite_api_file: Path, opened: Callable[[str], Database]) -> Iterator[Database]:
    """A database of a test's own, for servers with other settings."""
    for left in sqlite_api_file.parent.iterdir():
        left.unlink()
    url = f"sqlite:///{sqlite_api_file}"
    make_store(url)
    yield opened(url)
    opened(url).close()
