"""For each test of the pages a store of its own, copied from one, and a server over it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.sql.database import Database
from tests.api.dashboard.visitor import Cache, Visitor, World, dashboard, fill
from tests.api.running_api import RunningApi, site_over
from tests.store.conftest import opened, postgres_url
from tests.store.filling import Rows, put_rows, read_rows
from tests.store.new_store import make_store

__all__ = ["opened", "postgres_url"]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """A store with the world in it, made once: hashing and migrating take time."""
    path = tmp_path_factory.mktemp("dashboard") / "filled.db"
    url = f"sqlite:///{path}"
    make_store(url)
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
    filled: Database = request.getfixturevalue(f"filled_{kind}")
    yield filled
    filled.close()


@pytest.fixture
def filled_sqlite(filled: tuple[Path, World], opened: Callable[[str], Database]) -> Database:
    template = filled[0]
    for left in template.parent.glob("byname.db*"):
        left.unlink()
    return opened(f"sqlite:///{shutil.copy(template, template.with_name('byname.db'))}")


@pytest.fixture
def filled_postgresql(postgres_url: str, filled_rows: Rows, opened: Callable[[str], Database]) -> Database:
    database = opened(postgres_url)
    with database.write() as tx:
        put_rows(tx, filled_rows)
    return database


@pytest.fixture
def world(filled: tuple[Path, World]) -> World:
    return filled[1]


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture(scope="session")
def server(filled: tuple[Path, World]) -> Iterator[RunningApi]:
    """One server for all, with the dashboard at /; each test gives it a site of its own."""
    running = RunningApi(site_over(Database.open(f"sqlite:///{filled[0]}"), dashboard=dashboard()))
    yield running
    running.close()


@pytest.fixture
def pages(server: RunningApi, database: Database, cache: Cache) -> RunningApi:
    """A server with the dashboard at /."""
    server.serve(site_over(database, wait=cache, dashboard=dashboard()))
    return server


@pytest.fixture
def visitor(pages: RunningApi, world: World) -> Iterator[Visitor]:
    """Someone who has not signed in."""
    made = Visitor(pages.url, world.sessions)
    yield made
    made.client.close()
