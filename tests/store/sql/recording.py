"""Records the statements that this version of Byname sends, for the versions to come: theirs must still run.

``python -m tests.store.sql.recording`` runs tests of services, API and relay, and writes each different statement they
send into ``statements/REVISION.DIALECT.sql``, one a line. To be done before each release; a recording never changes
afterwards. It is also the plugin of pytest by which it does that.
"""

import re
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Connection

from store.sql.revisions import REVISIONS
from store.sql.tables import Base
from tests.watching import watch

FOLDER = Path(__file__).parent / "statements"
TESTS = (
    *(f"tests/store/services/test_{name}.py" for name in (
        "accounts", "admins", "aliases", "bulk", "delete_intents", "domains", "filter_installing", "idempotency",
        "mailboxes", "sending", "tokens",
    )),
    "tests/store/relay/test_relay_lease.py",
    "tests/store/sql/test_directory.py",
    "tests/store/cli/test_cli_daily.py",
)  # fmt: skip
_VALUE = r"(?:\?|NULL(?:::[A-Z ]+)?)"
_IN = re.compile(rf"IN \({_VALUE}(?:, {_VALUE})+\)")
_ROWS = re.compile(r"(VALUES |FROM \(VALUES )(\([^()]*\))(?:, \2)+")
_NUMBERED = re.compile(r"%\([^)]*\)s")
_seen: dict[str, set[str]] = {"sqlite": set(), "postgresql": set()}


def normal(statement: str) -> str:
    """Return a statement on one line, with as few values as it can have."""
    line = _NUMBERED.sub("NULL", " ".join(statement.split())).replace("%%", "%")
    return _ROWS.sub(r"\1\2", _IN.sub(lambda found: f"IN ({found[0][4:-1].split(', ')[0]})", line))


def _note(connection: Connection, statement: str) -> None:
    line = normal(statement)
    if line.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")) and any(
        re.search(rf"\b{table}\b", line) for table in Base.metadata.tables
    ):
        _seen[connection.dialect.name].add(line)


def pytest_configure() -> None:
    watch(_note)


def pytest_sessionfinish() -> None:
    """Write what was seen."""
    for dialect, lines in _seen.items():
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{REVISIONS[-1]}.{dialect}.sql").write_text("\n".join(sorted(lines)) + "\n")


if __name__ == "__main__":
    plugin = ["-p", "tests.store.sql.recording", "-p", "no:randomly", "-q"]
    sys.exit(subprocess.run([sys.executable, "-m", "pytest", *plugin, *TESTS], check=False).returncode)
