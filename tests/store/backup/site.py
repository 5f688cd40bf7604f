"""A store with the commands that back it up."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Table, select

from store.services import aliases
from store.sql.database import Database
from store.sql.tables import AddressRow, AuditRow, Base
from tests.store.cli.command_line import Finished, run_here

OF_ITSELF = {"clock", "outbox"}


class Site:
    """A store at ``url``, and a folder for its settings and backups."""

    def __init__(self, database: Database, url: str, folder: Path, *settings: str) -> None:
        self.database, self.url, self.folder = database, url, folder
        self.config = folder / "byname.toml"
        self.config.write_text("\n".join([f'store.url = "{url}"', *settings, ""]))

    def __call__(self, *arguments: str | Path) -> Finished:
        return run_here(self.config, *map(str, arguments))

    @property
    def kind(self) -> str:
        return self.url.split(":", maxsplit=1)[0]

    def backed_up(self, name: str = "backup.tar") -> Path:
        file = self.folder / name
        done = self("backup", file)
        assert (done.code, done.err) == (0, "")
        return file

    def restored(self, file: Path) -> None:
        done = self("restore", file, "--replace")
        assert done.code == 0, done

    def add(self, *names: str) -> None:
        with self.database.write() as tx:
            for name in names:
                aliases.add(tx, name, "john@brand-a.com")

    def names(self) -> set[str]:
        with self.database.read() as tx:
            return set(tx.scalars(select(AddressRow.local_part)))

    def actions(self) -> list[str]:
        """What the audit log tells, in order."""
        with self.database.read() as tx:
            return list(tx.scalars(select(AuditRow.action).order_by(AuditRow.id)))

    def contents(self, left_out: Sequence[str] = ()) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table but those by which the store counts its changes."""
        tables = [table for table in Base.metadata.sorted_tables if table.name not in {*OF_ITSELF, *left_out}]
        return {table.name: self._rows(table) for table in tables}

    def _rows(self, table: Table) -> list[tuple[object, ...]]:
        with self.database.alone() as connection:
            return sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
