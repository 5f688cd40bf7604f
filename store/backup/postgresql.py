"""PostgreSQL: a dump by ``pg_dump``, and the way back over a schema beside the live one.

A backup is restored into tables of its own first, in the schema ``byname_restore``: those of the backup's revision,
with its rows, brought to this version's revision by the migrations. Then one transaction moves the rows. No table of
the live store is dropped or locked for readers, so that milters answer all the while from the old rows, and from the
new ones once it is committed; what was granted on the tables stays. A restore that fails leaves the store as it was.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import URL, Connection, Table, delete, inspect, make_url, select, text

from store.backup import pg_programs
from store.backup.archive import Show
from store.backup.restored import Mark, mark
from store.errors import BadBackup
from store.migrations import migrate
from store.sql.backend import backend
from store.sql.error_translation import translated
from store.sql.outbox import CHANNEL
from store.sql.pool_profiles import LOOKUP, MIGRATE, PoolProfile
from store.sql.revisions import REVISIONS
from store.sql.tables import VIEWS, Base, ClockRow

STAGING = "byname_restore"
_REVISION = "alembic_version"
_ENTRY = re.compile(r"\d+; \d+ \d+ (TABLE DATA|SEQUENCE SET) (\S+) (\S+) ")
_COPY = re.compile(rb'COPY (?:[a-z_]+|"[^"]+")\.([a-z_]+) \(([a-z0-9_", ]+)\) FROM stdin;\n')
_SETVAL = re.compile(rb"SELECT pg_catalog\.setval\('.*\.([a-z_]+)', (\d+), (true|false)\);\n")
_END = b"\\.\n"


def dump(url: str, target: Path, show: Show) -> int:
    """Write a dump of Byname's tables, and of no others, into ``target``; return the major version of pg_dump.

    Raises:
        StoreNotReady, StoreUnavailable, OSError.
    """
    with _connected(url, LOOKUP) as connection:
        major = _server(connection)
        schema = str(connection.scalar(text("SELECT current_schema()")))
        there = {*inspect(connection).get_table_names(), *inspect(connection).get_view_names()}
    program = pg_programs.program("pg_dump", major)
    tables = sorted(there & {*Base.metadata.tables, *VIEWS, _REVISION})
    wanted = [f'--table="{schema}"."{table}"' for table in tables]
    done = 0
    with pg_programs.environment(_url(url)) as environ, target.open("wb") as out:
        command = [program, "--format=custom", "--no-password", "--lock-wait-timeout=30000", *wanted]
        with pg_programs.output(command, environ) as stream:
            while piece := stream.read(1 << 20):
                out.write(piece)
                done += len(piece)
                show(done, 0)
    return pg_programs.major_of(program)


@contextmanager
def staged(url: str, data: Path, revision: str, tool: int) -> Iterator[None]:
    """Have what a dump holds in the staging schema, as tables of this version, for the length of a block.

    What a killed restore left there goes first.

    Args:
        revision: of the schema in the dump.
        tool: the major version of the pg_dump that wrote it.

    Raises:
        BadBackup, StoreNotReady, StoreUnavailable, OSError.
    """
    program, staging = pg_programs.program("pg_restore", tool), _staging_url(url)
    _without_staging(url, f"CREATE SCHEMA {STAGING}")
    try:
        migrate.upgrade(staging, revision)
        _load(staging, program, data)
        if revision != REVISIONS[-1]:
            migrate.upgrade(staging)
        yield
    finally:
        _without_staging(url)


def _without_staging(url: str, *more: str) -> None:
    with _connected(url, MIGRATE) as connection:
        for statement in ("SET LOCAL client_min_messages = warning", f"DROP SCHEMA IF EXISTS {STAGING} CASCADE", *more):
            connection.execute(text(statement))


def _load(staging: str, program: str, data: Path) -> None:
    """Copy the rows of a dump into the staging tables, each table after those that it points at."""
    with _connected(staging, MIGRATE) as connection:
        tables = [name for name, _ in inspect(connection).get_sorted_table_and_fkc_names(STAGING) if name]
        order = {name: number for number, name in enumerate(tables) if name != _REVISION}
        chosen = data.with_name("chosen.list")
        chosen.write_text("\n".join(_chosen(_contents(program, data), order)) + "\n")
        command = [program, "--data-only", f"--use-list={chosen}", "--file=-", str(data)]
        with pg_programs.output(command, pg_programs.plain_environment()) as script:
            _run(script, connection)


def _contents(program: str, data: Path) -> list[str]:
    with pg_programs.output([program, "--list", str(data)], pg_programs.plain_environment()) as stream:
        return stream.read().decode().splitlines()


def _chosen(contents: Sequence[str], order: Mapping[str, int]) -> list[str]:
    """Return the lines of a dump's list of contents for the rows of our tables, in order, and then for the counters."""
    found = [(line, match) for line in contents if (match := _ENTRY.match(line))]
    rows = [(order[match[3]], line) for line, match in found if match[1] == "TABLE DATA" and match[3] in order]
    return [line for _, line in sorted(rows)] + [line for line, match in found if match[1] == "SEQUENCE SET"]


def _run(script: IO[bytes], connection: Connection) -> None:
    """Do what a script of pg_restore says about rows and counters, in the staging schema; its settings are not ours."""
    cursor: Any = connection.connection.cursor()
    for line in script:
        if copy := _COPY.fullmatch(line):
            with cursor.copy(f'COPY {STAGING}."{copy[1].decode()}" ({copy[2].decode()}) FROM STDIN') as rows:
                for row in script:
                    if row == _END:
                        break
                    rows.write(row)
                else:
                    raise BadBackup("the dump in it ends in the middle of a table")
        elif counter := _SETVAL.fullmatch(line):
            name, value, is_called = (part.decode() for part in counter.groups())
            cursor.execute(
                "SELECT setval(%s::regclass, %s, %s)", (f"{STAGING}.{name}", int(value), is_called == "true")
            )


def move(url: str, told: Mark, show: Show) -> None:
    """Replace the rows of the live tables by those of the staging tables, in one transaction.

    Raises:
        StoreUnavailable: others hold the tables for long, or the server is gone; nothing was changed.
    """
    with _connected(url, MIGRATE) as connection:
        live = str(connection.scalar(text("SELECT current_schema()")))
        tables = Base.metadata.sorted_tables
        names = ", ".join(f'"{live}"."{table.name}"' for table in tables)
        connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))  # readers go on
        version = connection.scalar(select(ClockRow.version)) or 0
        connection.execute(text(f"SET LOCAL search_path TO {STAGING}"))
        mark(connection, version, told)
        connection.execute(text(f'SET LOCAL search_path TO "{live}"'))
        for table in reversed(tables):
            connection.execute(delete(table))
        for number, table in enumerate(tables, start=1):
            connection.execute(text(_insert(table)))
            show(number, len(tables))
        _count_on(connection, live, tables)
        connection.execute(text("SELECT pg_notify(:channel, :version)"), {"channel": CHANNEL, "version": str(version)})


def _insert(table: Table) -> str:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    return f'INSERT INTO "{table.name}" ({columns}) SELECT {columns} FROM {STAGING}."{table.name}"'  # noqa: S608 - ours


def _count_on(connection: Connection, live: str, tables: Sequence[Table]) -> None:
    """See that no id is given a second time, neither of the backup nor of what was there before."""
    counter = text("SELECT pg_get_serial_sequence(:table, 'id')")
    for table in tables:
        ours = "id" in table.columns and connection.scalar(counter, {"table": f'"{live}"."{table.name}"'})
        theirs = ours and connection.scalar(counter, {"table": f'{STAGING}."{table.name}"'})
        if ours and theirs:
            greatest = f"SELECT last_value, is_called FROM {theirs} UNION SELECT last_value, is_called FROM {ours}"  # noqa: S608
            value, is_called = connection.execute(text(f"{greatest} ORDER BY 1 DESC, 2 DESC LIMIT 1")).one()
            connection.execute(
                text("SELECT setval(CAST(:name AS regclass), :value, :is_called)"),
                {"name": ours, "value": value, "is_called": is_called},
            )


def _server(connection: Connection) -> int:
    return int(connection.scalar(text("SHOW server_version_num"))) // 10_000


def _url(url: str) -> URL:
    return make_url(url)


def _staging_url(url: str) -> str:
    parsed = make_url(url)
    given = parsed.query.get("options", ())
    options = " ".join([*([given] if isinstance(given, str) else given), f"-c search_path={STAGING}"])
    return parsed.update_query_dict({"options": options}).render_as_string(hide_password=False)


@contextmanager
def _connected(url: str, purpose: PoolProfile) -> Iterator[Connection]:
    place = backend(url)
    engine = place.engine(purpose)
    try:
        with translated(place), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
