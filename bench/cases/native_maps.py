"""The same names in Postfix's own maps: what a site would use instead of Byname (postconf(5), lmdb_table(5), ...).

Each kind has three maps: hosted domains, aliases with their mailbox, and mailboxes. Files are made by ``postmap``; the
SQL kinds have one table with an index for each, and are asked through proxymap(8), as their documentation advises.
"""

import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.store.postgres_server import PostgresServer

_TABLES = ("domains", "aliases", "mailboxes")
_CREATE = "CREATE TABLE {table} (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
_QUERY = "query = SELECT value FROM {table} WHERE name = '%s'\n"


@dataclass(frozen=True, slots=True)
class Names:
    """What the maps hold; each pair is a key and its value."""

    domains: Sequence[tuple[str, str]]
    aliases: Sequence[tuple[str, str]]
    mailboxes: Sequence[tuple[str, str]]

    def of(self, table: str) -> Sequence[tuple[str, str]]:
        """Return one of the three."""
        return {"domains": self.domains, "aliases": self.aliases, "mailboxes": self.mailboxes}[table]


def settings(maps: Mapping[str, str]) -> dict[str, str]:
    """Return the lines of main.cf that use these maps: Postfix knows every name, and refuses the others at RCPT."""
    return {
        "virtual_mailbox_domains": maps["domains"],
        "virtual_alias_maps": maps["aliases"],
        "virtual_mailbox_maps": maps["mailboxes"],
        "smtpd_reject_unlisted_recipient": "yes",
    }


def lmdb(folder: Path, names: Names) -> dict[str, str]:
    """Write lmdb files; return each map as main.cf names it."""
    return {table: _lmdb(folder / table, names.of(table)) for table in _TABLES}


def _lmdb(path: Path, pairs: Sequence[tuple[str, str]]) -> str:
    path.write_text("".join(f"{name} {value}\n" for name, value in pairs))
    (path.parent / "main.cf").write_text("")  # postmap insists on one
    subprocess.run(["/usr/sbin/postmap", "-c", path.parent, f"lmdb:{path}"], check=True, umask=0o022)
    return f"lmdb:{path}"


def sqlite(folder: Path, names: Names) -> dict[str, str]:
    """Write one SQLite file; return each map as main.cf names it."""
    file = folder / "maps.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        for table in _TABLES:
            connection.execute(_CREATE.format(table=table))
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", names.of(table))
    file.chmod(0o644)
    return {table: _described(folder, "sqlite", table, f"dbpath = {file}\n") for table in _TABLES}


def pgsql(folder: Path, names: Names, server: PostgresServer) -> dict[str, str]:
    """Fill a database of a private PostgreSQL; return each map as main.cf names it."""
    server.run_sql("CREATE DATABASE maps")
    with psycopg.connect(host=str(server.folder), user="byname", dbname="maps") as connection:
        for table in _TABLES:
            connection.execute(_CREATE.format(table=table).encode())
            with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                for pair in names.of(table):
                    copy.write_row(pair)
    with psycopg.connect(host=str(server.folder), user="byname", dbname="maps", autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    place = f"hosts = unix:{server.folder}\nuser = byname\ndbname = maps\n"
    return {table: _described(folder, "pgsql", table, place) for table in _TABLES}


def _described(folder: Path, kind: str, table: str, place: str) -> str:
    path = folder / f"{kind}-{table}.cf"
    path.write_text(place + _QUERY.format(table=table))
    return f"proxy:{kind}:{path}"
