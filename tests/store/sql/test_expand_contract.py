"""Migrations only add: what an older release reads and writes still works on the tables of every later revision.

So the database is upgraded first, while the daemons of the release before go on, and then they are restarted. There are
no older releases here to be run, hence three ways: the tables of each revision against those of the one before; rows
with the columns of each revision, written, read, changed and removed in the newest tables, also while tables that the
older release does not know hold rows; and the statements that releases have sent (``statements/``, see
:mod:`tests.store.sql.recording`), planned by the database.
"""

import itertools
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Connection, Table, inspect, text
from sqlalchemy.engine.reflection import ObjectKind

from routing.address import Address
from store.migrations import migrate
from store.sql.backend import backend
from store.sql.database import Database
from store.sql.directory import SqlDirectory
from store.sql.pool_profiles import MIGRATE, WRITE, PoolProfile
from store.sql.revisions import REVISIONS
from store.sql.tables import VIEWS, Base, UtcDateTime

_AT = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
_RECORDINGS = sorted((Path(__file__).parent / "statements").glob("*.sql"))
# What a column's type does not tell: the words that a CHECK allows, and whose row it is.
_SAMPLES: Mapping[str, Any] = {
    "plan": "pro", "kind": "mailbox", "tokens.kind": "operator", "match_type": "all", "state": "done",
    "messages.state": "sent", "filter_scripts.state": "off", "status": "done", "idempotency_keys.status": 200,
    "role": "admin", "mailbox_id": None, "aliases.mailbox_id": 1, "catch_alls.mailbox_id": 1,
    "system_mailboxes.mailbox_id": 1, "messages.mailbox_id": 1, "filter_rules.mailbox_id": 1,
    "filter_scripts.mailbox_id": 1, "delete_intents.mailbox_id": 1,
}  # fmt: skip

Columns = dict[str, dict[str, Any]]


@contextmanager
def connected(url: str, profile: PoolProfile = MIGRATE) -> Iterator[Connection]:
    engine = backend(url).engine(profile)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


class Schema:
    """The tables as a database has them."""

    def __init__(self, url: str) -> None:
        with connected(url) as connection:
            found = inspect(connection)
            self.tables = {name: _columns(of) for name, of in _each(found.get_multi_columns())}
            views = found.get_multi_columns(kind=ObjectKind.ANY_VIEW)
            self.views = {name: _columns(of) for name, of in _each(views)}
            self.unique = {
                (name, tuple(one["column_names"]))
                for several in (found.get_multi_unique_constraints(), found.get_multi_indexes())
                for name, of in _each(several)
                for one in of
                if one.get("unique", True)
            }
            checks = _each(found.get_multi_check_constraints())
            self.checks = {(name, str(one["sqltext"])) for name, of in checks for one in of}
            self.keys = {name: of["constrained_columns"] for name, of in _each(found.get_multi_pk_constraint())}
            self.references = {
                (name, tuple(one["constrained_columns"]), one["referred_table"], one["options"].get("ondelete"))
                for name, of in _each(found.get_multi_foreign_keys())
                for one in of
            }
            self.triggers = _triggers(connection)
            self.files = _files(connection)

    def takes_away(self, before: "Schema") -> Iterator[str]:
        """Yield in what this schema breaks what worked with the one ``before``."""
        for name, columns in [*before.tables.items(), *before.views.items()]:
            now = (self.tables | self.views).get(name)
            yield from [f"{name} is gone"] if now is None else _broken(name, columns, now)
        for table, key in self.unique - before.unique:
            if table in before.tables and set(key) <= before.tables[table].keys():
                yield f"{table}: {key} must be unique now"
        for table, rule in self.checks - before.checks:
            is_wider = any(_allows_more(rule, former) for known, former in before.checks if known == table)
            if table in before.tables and not is_wider and not any(one in rule for one in self._added(before, table)):
                yield f"{table}: {rule} must hold now"
        yield from (
            f"{name}: another primary key" for name, key in before.keys.items() if self.keys.get(name, key) != key
        )
        yield from (f"{table} has a trigger now" for table in self.triggers - before.triggers if table in before.tables)
        yield from self._refers_now(before)
        yield from (f"{name} is written anew" for name, file in before.files.items() if self.files.get(name) != file)

    def _refers_now(self, before: "Schema") -> Iterator[str]:
        """The older release does not know the reference: it writes any value there, and removes what is referred to."""
        for table, columns, referred, when_removed in self.references - before.references:
            if table in before.tables and set(columns) <= before.tables[table].keys():
                yield f"{table}: {columns} must be in {referred} now"
            elif referred in before.tables and when_removed not in {"CASCADE", "SET NULL"}:
                yield f"{table}: {columns} keeps rows of {referred} from being removed"

    def _added(self, before: "Schema", table: str) -> set[str]:
        return self.tables[table].keys() - before.tables[table].keys()


def _allows_more(rule: str, former: str) -> bool:
    """Return whether both say which words a column may have, and the new one allows all that the former did."""
    now, was = (set(re.findall(r"'(\w+)'", one)) for one in (rule, former))
    return was < now and re.sub(r"[\[(].*", "", rule) == re.sub(r"[\[(].*", "", former)


def _columns(found: Any) -> Columns:
    return {column["name"]: dict(column) for column in found}


def _each(found: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what was found of each table of ours, by its name."""
    yield from ((name, of) for (_, name), of in found.items() if name != "alembic_version")


def _triggers(connection: Connection) -> set[str]:
    """Return the tables with a trigger, those by which PostgreSQL keeps foreign keys left out."""
    sqlite = connection.dialect.name == "sqlite"
    ours = "SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger'"
    theirs = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
    return set(connection.scalars(text(ours if sqlite else theirs)))


def _files(connection: Connection) -> dict[str, int]:
    """On PostgreSQL the file of each table: another one, and the table was written anew under an exclusive lock."""
    if connection.dialect.name == "sqlite":
        return {}
    ours = "SELECT relname, relfilenode FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    return {row.relname: row.relfilenode for row in connection.execute(text(ours))}


def _broken(name: str, before: Columns, now: Columns) -> Iterator[str]:
    for column, was in before.items():
        found = now.get(column)
        if found is None:
            yield f"{name}.{column} is gone"
        elif str(found["type"]) != str(was["type"]):
            yield f"{name}.{column} has another type"
        elif was["nullable"] and not found["nullable"]:
            yield f"{name}.{column} must not be empty now"
        elif was["default"] is not None and found["default"] is None and not found["nullable"]:
            yield f"{name}.{column} has no default now"
    for column in now.keys() - before.keys():
        if not now[column]["nullable"] and now[column].get("default") is None:
            yield f"{name}.{column} is new, must not be empty and has no default"


def test_each_revision_only_adds(spare_url: str) -> None:
    found: dict[str, Schema] = {}
    for revision in REVISIONS:
        migrate.upgrade(spare_url, revision)
        found[revision] = Schema(spare_url)
    taken = [
        f"{now}: {broken}"
        for before, now in itertools.pairwise(REVISIONS)
        for broken in found[now].takes_away(found[before])
    ]
    assert taken == []
    assert found[REVISIONS[-1]].tables.keys() == Base.metadata.tables.keys()
    newest = found[REVISIONS[-1]].tables
    with connected(spare_url, WRITE) as connection:  # a daemon's connection: SQLite too keeps foreign keys then
        for revision in REVISIONS:
            for use in (_use, _remove_beside):
                with connection.begin_nested() as undone:
                    use(connection, found[revision].tables, newest)
                    undone.rollback()


def _use(connection: Connection, known: Mapping[str, Columns], _: Mapping[str, Columns]) -> None:
    """Write, read, change and remove a row of each table, with the columns that a release knew."""
    for table, row in _write(connection, known):
        names = ", ".join(f'"{name}"' for name in row)
        read = connection.execute(text(f'SELECT {names} FROM "{table.name}"')).all()
        assert len(read) == 1, table.name
        changes = ", ".join(f'"{name}" = :{name}' for name in row)
        connection.execute(text(f'UPDATE "{table.name}" SET {changes}'), row)
    _remove(connection, known)


def _remove_beside(connection: Connection, known: Mapping[str, Columns], newest: Mapping[str, Columns]) -> None:
    """Remove the rows that a release knew while a newer one has written into every table."""
    for _ in _write(connection, newest):
        pass
    _remove(connection, known)


def _write(connection: Connection, known: Mapping[str, Columns]) -> Iterator[tuple[Table, dict[str, Any]]]:
    """Write a row into each table, those that it refers to first; yield each."""
    for table in (table for table in Base.metadata.sorted_tables if table.name in known):
        row = {column.name: _value(table, column.name) for column in table.columns if column.name in known[table.name]}
        names, values = ", ".join(f'"{name}"' for name in row), ", ".join(f":{name}" for name in row)
        connection.execute(text(f'INSERT INTO "{table.name}" ({names}) VALUES ({values})'), row)
        yield table, row


def _remove(connection: Connection, known: Mapping[str, Columns]) -> None:
    for table in reversed(Base.metadata.sorted_tables):
        if table.name in known:
            connection.execute(text(f'DELETE FROM "{table.name}"'))
            assert not connection.scalar(text(f'SELECT COUNT(*) FROM "{table.name}"'))


def _value(table: Table, name: str) -> Any:
    column = table.columns[name]
    for known in (f"{table.name}.{name}", name):
        if known in _SAMPLES:
            return _SAMPLES[known]
    if isinstance(column.type, UtcDateTime):
        return _AT
    if isinstance(column.type, JSON):
        return None
    return {int: 1, str: "x", bool: True, bytes: b"x", date: _AT.date()}[column.type.python_type]


@pytest.mark.parametrize("change", [
    ("ALTER TABLE aliases DROP COLUMN note", "aliases.note is gone"),
    ("ALTER TABLE aliases ADD COLUMN more INTEGER NOT NULL DEFAULT 0", None),
    ("CREATE UNIQUE INDEX u ON aliases (note)", "aliases: ('note',) must be unique now"),
    ("DROP VIEW byname_userdb", "byname_userdb is gone"),
    ("CREATE TABLE more (id INTEGER, FOREIGN KEY (id) REFERENCES aliases (id) ON DELETE CASCADE)", None),
    ("CREATE TABLE more (a INTEGER REFERENCES aliases (id))", "more: ('a',) keeps rows of aliases from being removed"),
    ("CREATE TRIGGER more AFTER INSERT ON aliases BEGIN DELETE FROM outbox; END", "aliases has a trigger now"),
])  # fmt: skip
def test_what_takes_away_is_noticed(sqlite_url: str, change: tuple[str, str | None]) -> None:
    statement, broken = change
    before = Schema(sqlite_url)
    with connected(sqlite_url) as connection:
        connection.execute(text(statement))
    assert list(Schema(sqlite_url).takes_away(before)) == ([] if broken is None else [broken])


def test_the_statements_of_former_releases(url: str) -> None:
    """Planned, with nothing in the place of values: every table, column and function they name is there."""
    dialect = url.split(":", maxsplit=1)[0]
    recorded = [line for path in _RECORDINGS if dialect in path.name for line in path.read_text().splitlines()]
    assert len(recorded) > 100
    failed = []
    with connected(url) as connection:
        cursor = connection.connection.cursor()
        for line in recorded:
            cursor.execute("SAVEPOINT one")
            try:
                empty = (None,) * line.count("?") if dialect == "sqlite" else ()
                cursor.execute(f"EXPLAIN {line}", *([empty] if empty else []))
            except Exception as error:  # noqa: BLE001 - all of them are told
                failed.append(f"{error}: {line}")
            cursor.execute("ROLLBACK TO SAVEPOINT one")
    assert failed == []


def test_views_stay_for_other_programs(url: str) -> None:
    assert Schema(url).views.keys() == set(VIEWS)


def test_no_lookup_waits_for_an_upgrade(spare_postgres_url: str) -> None:
    """A long transaction reads a table that a migration changes; milters go on asking while the migration waits."""
    url = spare_postgres_url
    migrate.upgrade(url, "0016")  # the next one alters accounts and addresses
    begun, ended, failed = threading.Event(), threading.Event(), list[BaseException]()
    lookups = 0

    def upgrade() -> None:
        begun.set()
        try:
            migrate.upgrade(url)
        except Exception as error:  # noqa: BLE001 - told by the assertion
            failed.append(error)
        ended.set()

    thread = threading.Thread(target=upgrade)
    with closing(Database.open(url)) as database, connected(url) as reader:
        directory = SqlDirectory(database)
        directory.lookup([Address("john", "brand-a.com")])
        reader.execute(text("SELECT count(*) FROM accounts"))
        thread.start()
        assert begun.wait(10)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'")
        seen = 0
        while seen < 3 and not ended.is_set():
            with database.alone() as connection:
                seen += bool(connection.scalar(waiting))
            directory.lookup([Address("john", "brand-a.com")])  # raises when it got no answer within a second
            lookups += 1
        assert not ended.is_set(), failed
    thread.join(60)
    assert not failed
    assert migrate.revision(url) == REVISIONS[-1]
    assert lookups >= 3
