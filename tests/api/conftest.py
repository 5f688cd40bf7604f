"""One server for each kind of database and run; each test makes its own account there (tests.api.tenants)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import httpx
import pytest

from store.migrations import migrate
from store.sql.database import Database
from tests.api.running_api import CLIENTS, RunningApi, site_over
from tests.api.tenants import Tenant, secret_of, tenant
from tests.store.conftest import one_redis, postgres, redis_server
from tests.store.postgres_server import PostgresServer

__all__ = ["one_redis", "postgres", "redis_server"]


@pytest.fixture(scope="session")
def sqlite_api_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('api') / 'byname.db'}"
    migrate.upgrade(url)
    return url


@pytest.fixture(scope="session")
def postgresql_api_url(postgres: PostgresServer) -> str:
    postgres.run_sql("CREATE DATABASE api")
    migrate.upgrade(postgres.url("api"))
    return postgres.url("api")


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def api_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database, once for each kind."""
    return str(request.getfixturevalue(f"{request.param}_api_url"))


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], RunningApi]]:
    """The server over the database at a URL; pytest makes ``api`` anew when tests of the other kind came between."""
    with ExitStack() as stack:

        @cache
        def server(url: str) -> RunningApi:
            database = Database.open(url)
            stack.callback(database.close)
            running = RunningApi(site_over(database, clients=CLIENTS))
            stack.callback(running.close)
            return running

        yield server


@pytest.fixture(scope="session")
def api(api_url: str, servers: Callable[[str], RunningApi]) -> RunningApi:
    """A server that all tests share."""
    return servers(api_url)


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


@pytest.fixture
def sqlite_api(tmp_path: Path) -> Iterator[Database]:
    """A database of a test's own, in a file, for servers with other settings."""
    url = f"sqlite:///{tmp_path / 'byname.db'}"
    migrate.upgrade(url)
    database = Database.open(url)
    yield database
    database.close()
