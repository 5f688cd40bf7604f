"""For each test of the pages a store of its own, copied from one, and a server over it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.migrations import migrate
from store.sql.database import Database
from tests.api.dashboard.visitor import Cache, Visitor, World, dashboard, fill
from tests.api.running_api import RunningApi, site_over
from tests.store.conftest import postgres_url
from tests.store.filling import Rows, put_rows, read_rows

__all__ = ["postgres_url"]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """A store with the world in it, made once: hashing and migrating take time."""
    path = tmp_path_factory.mktemp("dashboard") / "filled.db"
    url = f"sqlite:///{path}"
    migrate.upgrade(url)
    opened = Database.open(url)
    made = fill(opened)
    opened.close()
    return path, made


@pytest.fixture(scope="session")
def filled_rows(filled: tuple[Path, World]) -> Rows:
    """The same, to be put into PostgreSQL."""
    opened = Database.open(f"sqlite:///{filled[0]}")
    rows = read_rows(opened)
    opened.close()
    return rows


@pytest.fixture
def kind() -> str:
    """What the store is in; a module that tries both has a fixture of this name with two parameters."""
    return "sqlite"


@pytest.fixture
def database(kind: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    opened: Database = request.getfixturevalue(f"filled_{kind}")
    yield opened
    opened.close()


@pytest.fixture
def filled_sqlite(tmp_path: Path, filled: tuple[Path, World]) -> Database:
    return Database.open(f"sqlite:///{shutil.copy(filled[0], tmp_path / 'byname.db')}")


@pytest.fixture
def filled_postgresql(postgres_url: str, filled_rows: Rows) -> Database:
    opened = Database.open(postgres_url)
    with opened.write() as tx:
        put_rows(tx, filled_rows)
    return opened


@pytest.fixture
def world(filled: tuple[Path, World]) -> World:
    return filled[1]


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def pages(database: Database, cache: Cache) -> Iterator[RunningApi]:
    """A server with the dashboard at /."""
    running = RunningApi(site_over(database, wait=cache, dashboard=dashboard()))
    yield running
    running.close()


@pytest.fixture
def visitor(pages: RunningApi) -> Iterator[Visitor]:
    """Someone who has not signed in."""
    made = Visitor(pages.url)
    yield made
    made.client.close()
