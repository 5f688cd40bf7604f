"""A backup of an older Byname comes back in this version's tables, its rows as the migrations between make them."""

from pathlib import Path

import pytest
from sqlalchemy import select

from store.migrations import migrate
from store.sql.backend import backend
from store.sql.pool_profiles import MIGRATE
from store.sql.revisions import REVISIONS
from store.sql.tables import MailboxRow
from store.wire_format.people import person_of
from tests.store.backup.site import Site
from tests.store.sql.test_migrations import run_sql

_NOW = "'2026-11-29 10:00:00'"
ROWS = (
    "INSERT INTO accounts (id, name, plan, is_trial, is_active, created_at)"
    f" VALUES (7, 'a', 'pro', false, true, {_NOW})",
    "INSERT INTO domains (id, account_id, name, verified_at, is_active, proof_lapsed, created_at)"
    f" VALUES (3, 7, 'a.test', {_NOW}, true, false, {_NOW})",
    f"INSERT INTO addresses (id, domain_id, local_part, kind, created_at) VALUES (1, 3, 'mary', 'mailbox', {_NOW})",
    "INSERT INTO mailboxes (id, display_name, password_hash, is_active) VALUES (1, 'Mary Poe', '!', true)",
)


@pytest.mark.parametrize("revision", ["0001", "0007"])
def test_restored(site: Site, spare: Site, revision: str) -> None:
    migrate.upgrade(spare.url, revision)
    run_sql(spare.url, *ROWS)
    site.restored(spare.backed_up())
    assert migrate.revision(site.url) == REVISIONS[-1]
    assert migrate.schema_drift(site.url) == []
    with site.database.read() as tx:
        assert [(row.id, row.person) for row in tx.scalars(select(MailboxRow))] == [(1, person_of(7, "Mary Poe"))]


def test_nothing_is_left_of_the_way_there(site: Site) -> None:
    """On PostgreSQL a restore goes over a schema beside the live one, and so does one after it was killed."""
    file = site.backed_up()
    if site.kind == "postgresql":
        run_sql(site.url, "CREATE SCHEMA byname_restore", "CREATE TABLE byname_restore.accounts (x INTEGER)")
    site.restored(file)
    engine = backend(site.url).engine(MIGRATE)
    with engine.connect() as connection:
        names = engine.dialect.get_schema_names(connection)
    engine.dispose()
    assert "byname_restore" not in names
    place = site.url.removeprefix("sqlite:///")
    if site.kind == "sqlite":
        assert list(Path(place).parent.glob(".byname-*")) == []
