"""One server for all tests of the pages, over one store; a test that changes much makes its own names there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.migrations import migrate
from store.sql.database import Database
from tests.api.dashboard.visitor import Cache, Visitor, World, dashboard, fill
from tests.api.running_api import RunningApi, site_over


@pytest.fixture
def database(tmp_path: Path, empty: Path) -> Iterator[Database]:
    path = tmp_path / "byname.db"
    path.write_bytes(empty.read_bytes())
    opened = Database.open(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dashboard") / "empty.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def world(database: Database) -> World:
    return fill(database)


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def pages(database: Database, world: World, cache: Cache) -> Iterator[RunningApi]:
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
