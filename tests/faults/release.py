"""Another release of Byname, made from this tree: the same code, another format of the cache, and maybe one more table.

It is a copy of the packages in a folder of its own. Its processes are started as those of this tree are, with
:attr:`Release.environ` in their environment.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from store.sql.revisions import REVISIONS
from store.wire_format import layout

_TREE = Path(__file__).parents[2]
_FORMAT = layout.FORMAT + 1
_REVISION = "9999"
_MIGRATION = f"""\
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{_REVISION}", "{REVISIONS[-1]}"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table("next_things", sa.Column("id", sa.Integer(), primary_key=True))
    op.add_column("aliases", sa.Column("next_thing", sa.String(40), nullable=True))
"""
_TABLES = """

from sqlalchemy import String as _String
from sqlalchemy.orm import Mapped as _Mapped
from sqlalchemy.orm import mapped_column as _mapped_column


class NextRow(Base):
    __tablename__ = "next_things"
    id: _Mapped[int] = _mapped_column(primary_key=True)


AliasRow.next_thing = _mapped_column(_String(40))
"""
# What takes the tables of the migration away again, for the trials to come; a release goes back by a backup only.
UNDONE = (
    "ALTER TABLE aliases DROP COLUMN IF EXISTS next_thing",
    "DROP TABLE IF EXISTS next_things",
    f"UPDATE alembic_version SET version_num = '{REVISIONS[-1]}'",
)
_ASKED = """\
import byname, byname_milter, store
from store.sql.revisions import REVISIONS
from store.wire_format.layout import LEASE_KEY, PREFIX
print(byname.__file__, byname_milter.__file__, store.__file__, PREFIX, LEASE_KEY, REVISIONS[-1])
"""


@dataclass(frozen=True, slots=True)
class Release:
    """Another release: where it is, the prefix of its keys in Redis, the last revision of the database it knows."""

    folder: Path
    prefix: str
    revision: str

    @property
    def environ(self) -> dict[str, str]:
        """What makes a process one of this release. Without the safe path the folder it starts in comes first."""
        return {"PYTHONPATH": str(self.folder), "PYTHONSAFEPATH": "1"}

    @property
    def lease_key(self) -> str:
        """Its lease."""
        return layout.LEASE_KEY.replace(layout.PREFIX, self.prefix)

    def command(self, config: Path, *arguments: str) -> str:
        """Run ``byname`` of this release and return what it prints. Raises CalledProcessError."""
        command = [sys.executable, "-m", "byname", "--config", str(config), *arguments]
        return self._run(command)

    def _run(self, command: Sequence[str]) -> str:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("BYNAME_")}
        ran = subprocess.run(command, env=environ | self.environ, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{command} ended with {ran.returncode}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def check(self) -> None:
        """Fail unless its processes are what they are taken for."""
        *files, prefix, lease, revision = self._run([sys.executable, "-c", _ASKED]).split()
        assert all(Path(file).is_relative_to(self.folder) for file in files), files
        assert (prefix, revision) == (self.prefix, self.revision)
        assert prefix != layout.PREFIX
        assert lease == self.lease_key


def make_release(folder: Path, *, has_tables: bool) -> Release:
    """Make the other release in a new folder; ``has_tables``: its database has a migration more."""
    for package in _packages():
        shutil.copytree(_TREE / package, folder / Path(package).name)
    prefix = layout.PREFIX.replace(str(layout.FORMAT), str(_FORMAT))
    replace(folder / "store/wire_format/layout.py", f"FORMAT = {layout.FORMAT}\n", f"FORMAT = {_FORMAT}\n")
    replace(folder / "store/relay/operations.lua", f"'{layout.PREFIX}'", f"'{prefix}'")
    if has_tables:
        replace(folder / "store/sql/revisions.py", r"(?s)REVISIONS = \(.*?\n\)", f"REVISIONS = {_revisions()}")
        (folder / f"store/migrations/versions/{_REVISION}_next.py").write_text(_MIGRATION)
        with (folder / "store/sql/tables/__init__.py").open("a", encoding="utf-8") as tables:
            tables.write(_TABLES)
    made = Release(folder, prefix, _revisions()[-1] if has_tables else REVISIONS[-1])
    made.check()
    return made


def _packages() -> Sequence[str]:
    """The packages of the wheel."""
    project = tomllib.loads((_TREE / "pyproject.toml").read_text("utf-8"))
    found: Sequence[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return found


def _revisions() -> Sequence[str]:
    return (*REVISIONS, _REVISION)


def replace(file: Path, before: str, after: str) -> None:
    """Replace the one place where a file says so: a pattern, or its literal text. Fails when there is not just one."""
    pattern = before if before.startswith("(?") else re.escape(before)
    text, count = re.subn(pattern, lambda _: after, file.read_text("utf-8"))
    assert count == 1, f"{file.name} has {before!r} in {count} places, not in one"
    file.write_text(text, "utf-8")
