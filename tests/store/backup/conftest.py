"""A site with something in it, over each kind of database, and its command line."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.services import aliases
from store.sql.database import Database
from tests.store.backup.site import Site


@pytest.fixture
def site(world: Database, url: str, tmp_path: Path) -> Site:
    with world.write() as tx:
        aliases.add(tx, "sales@brand-b.com", "john@brand-a.com")
    return Site(world, url, tmp_path)


@pytest.fixture
def spare(url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Another store of the same kind, without tables."""
    folder = tmp_path / "spare"
    folder.mkdir()
    is_file = url.startswith("sqlite")
    other = f"sqlite:///{folder / 'byname.db'}" if is_file else str(request.getfixturevalue("spare_postgres_url"))
    with closing(Database.open(other)) as database:
        yield Site(database, other, folder)
