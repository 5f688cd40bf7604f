"""The migrations: they build exactly the tables, may run again and side by side, and say what is in their way."""

import os
import re
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, select, text

from store.errors import StoreNotReady
from store.migrations import migrate
from store.sql.backend import backend
from store.sql.database import Database
from store.sql.pool_profiles import MIGRATE
from store.sql.revisions import REVISIONS, require_current
from store.sql.sqlite import Sqlite
from store.sql.tables import Base, MailboxRow
from store.wire_format.people import person_of


def run_sql(url: str, *statements: str) -> None:
    engine = backend(url).engine(MIGRATE)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_migrations_make_the_tables(spare_url: str) -> None:
    assert migrate.upgrade(spare_url) == migrate.upgrade(spare_url) == REVISIONS[-1]
    assert migrate.revision(spare_url) == REVISIONS[-1]
    assert migrate.schema_drift(spare_url) == []
    database = Database.open(spare_url)
    database.check()
    database.close()


def test_drift_is_reported(spare_url: str) -> None:
    migrate.upgrade(spare_url)
    run_sql(spare_url, "ALTER TABLE mailboxes DROP COLUMN display_name", "DROP INDEX ix_aliases_mailbox_id")
    drift = "\n".join(migrate.schema_drift(spare_url))
    assert "display_name" in drift
    assert "ix_aliases_mailbox_id" in drift


def test_checks_and_cascades_are_the_same_too(tmp_path: Path) -> None:
    """Alembic's comparison sees neither; SQLite keeps the schemas of each CREATE statement."""
    migrated, made = tmp_path / "migrated.db", tmp_path / "made.db"
    migrate.upgrade(f"sqlite:///{migrated}")
    Base.metadata.create_all(create_engine(f"sqlite:///{made}"))
    schemas = []
    for path in (migrated, made):
        with create_engine(f"sqlite:///{path}").connect() as connection:
            query = text("SELECT name, sql FROM sqlite_master WHERE tbl_name NOT LIKE '%alembic%' AND type <> 'view'"
                         " AND sql IS NOT NULL")  # fmt: skip
            schemas.append({row.name: _parts(row.sql) for row in connection.execute(query)})
    assert schemas[0] == schemas[1]


def _parts(statement: str) -> list[str]:
    """Return what a CREATE statement names, in any order: SQLite writes added columns behind the constraints."""
    return sorted(part.strip(" \t\n,)") for part in re.split(r"\n|, (?=[a-z_]+ [A-Z]+)", statement))


def test_down_and_up_again(spare_url: str) -> None:
    migrate.upgrade(spare_url)
    engine = backend(spare_url).engine(MIGRATE)
    with engine.begin() as connection:
        command.downgrade(migrate.alembic_config(connection), "base")
    engine.dispose()
    assert migrate.revision(spare_url) is None
    migrate.upgrade(spare_url)
    assert migrate.schema_drift(spare_url) == []


def test_people_that_are_there_are_found(spare_url: str) -> None:
    migrate.upgrade(spare_url)
    engine = backend(spare_url).engine(MIGRATE)
    with engine.begin() as connection:
        command.downgrade(migrate.alembic_config(connection), "0007")
    engine.dispose()
    now = "'2026-11-29 10:00:00'"
    run_sql(
        spare_url,
        "INSERT INTO accounts (id, name, plan, is_trial, is_active, created_at)"
        f" VALUES (7, 'a', 'pro', false, true, {now})",
        "INSERT INTO domains (id, account_id, name, verified_at, is_active, proof_lapsed, created_at)"
        f" VALUES (3, 7, 'a.test', {now}, true, false, {now})",
        *(
            f"INSERT INTO addresses (id, domain_id, local_part, kind, created_at)"
            f" VALUES ({number}, 3, 'n{number}', 'mailbox', {now})"
            for number in (1, 2, 3)
        ),
        *(
            f"INSERT INTO mailboxes (id, display_name, password_hash, is_active) VALUES ({number}, '{name}', '!', true)"
            for number, name in ((1, "Mary Poe"), (2, "Mary"), (3, ""))
        ),
    )
    migrate.upgrade(spare_url)
    database = Database.open(spare_url)
    with database.read() as tx:
        assert {row.id: row.person for row in tx.scalars(select(MailboxRow))} == {
            1: person_of(7, "Mary Poe"),
            2: None,
            3: None,
        }
    database.close()


def test_several_at_once(spare_url: str) -> None:
    outcomes: list[object] = []

    def run() -> None:
        try:
            outcomes.append(migrate.upgrade(spare_url))
        except Exception as error:  # noqa: BLE001 - told by the assertion
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [REVISIONS[-1]] * 4


def test_the_first_connections_of_a_new_file_wait_for_each_other(tmp_path: Path) -> None:
    """SQLite refuses the second of two that turn the write-ahead log on, at once; seen on CI."""
    file = tmp_path / "new.db"
    Sqlite(file).create()
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        letting_go = threading.Timer(0.3, other.execute, ("COMMIT",))
        letting_go.start()
        assert migrate.upgrade(f"sqlite:///{file}") == REVISIONS[-1]
        letting_go.join()


def test_a_failed_migration_leaves_nothing(spare_url: str) -> None:
    if spare_url.startswith("sqlite"):
        backend(spare_url).create()
    run_sql(spare_url, "CREATE TABLE catch_alls (x INTEGER)")  # in the way of the last but one table
    with pytest.raises(Exception, match=r"."):
        migrate.upgrade(spare_url)
    assert migrate.revision(spare_url) is None
    run_sql(spare_url, "DROP TABLE catch_alls")
    assert migrate.upgrade(spare_url) == REVISIONS[-1]


def test_the_list_of_revisions_is_alembics() -> None:
    scripts = ScriptDirectory(str(Path(migrate.__file__).parent))
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS
    assert scripts.get_heads() == [REVISIONS[-1]]


@pytest.mark.parametrize(
    ("found", "known", "message"),
    [
        (None, ("0001",), "run: byname db upgrade"),
        ("0001", ("0001", "0002"), "older than 0002; run: byname db upgrade"),
        ("0002", ("0001",), "'0002', which this Byname does not know: this Byname is older"),
        ("abc\n", ("0001",), r"'abc\n', which"),
    ],
)
def test_other_revisions(found: str | None, known: tuple[str, ...], message: str) -> None:
    with pytest.raises(StoreNotReady) as error:
        require_current(found, known)
    assert message in str(error.value)


def test_the_current_revision() -> None:
    require_current("0002", ("0001", "0002"))


def test_a_newer_database_is_left_alone(spare_url: str) -> None:
    migrate.upgrade(spare_url)
    run_sql(spare_url, "UPDATE alembic_version SET version_num = '0099'")
    database = Database.open(spare_url)
    for attempt in (lambda: migrate.upgrade(spare_url), database.check):
        with pytest.raises(StoreNotReady, match=r"'0099'.*this Byname is older than the database"):
            attempt()
    assert migrate.revision(spare_url) == "0099"
    database.close()


def test_the_file_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "new 100%#?.db"
    before = os.umask(0)
    try:
        migrate.upgrade(f"sqlite:///{str(path).replace('?', '%3F')}")
    finally:
        os.umask(before)
    made = [file for file in tmp_path.iterdir() if file.suffix == ".db"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in made] == [0o640]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "no" / "such"
    with pytest.raises(StoreNotReady, match=f"no folder {folder} .*create it first"):
        migrate.upgrade(f"sqlite:///{folder / 'byname.db'}")
    assert list(tmp_path.iterdir()) == []
