"""For each test of the pages a store of its own, copied from one, and a server over it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.migrations import migrate
from store.sql.database import Database
from tests.api.dashboard.visitor import Cache, Visitor, World, dashboard, fill
from tests.api.running_api import RunningApi, site_over


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


@pytest.fixture
def database(tmp_path: Path, filled: tuple[Path, World]) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{shutil.copy(filled[0], tmp_path / 'byname.db')}")
    yield opened
    opened.close()


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
