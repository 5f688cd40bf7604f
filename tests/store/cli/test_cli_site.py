"""``byname db``, ``byname config``, and what every command says when settings or database are not as they should be."""

import os
import sqlite3
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tests.store.cli.command_line import SAMPLE, CommandLine

EVERY_COMMAND = [
    "account list",
    "account create x --plan pro",
    "domain list",
    "mailbox list",
    "mailbox add x@brand-a.test --generate-password",
    "alias list",
    "alias add x@brand-a.test john@brand-a.test",
    "explain john@brand-a.test",
    "db check",
    "maps",
]


@pytest.fixture
def byname(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def test_upgrade_creates_the_database_and_may_be_repeated(byname: CommandLine) -> None:
    first = byname("db", "upgrade")
    assert first.code == 0
    assert byname.database.exists()
    assert byname("db", "upgrade", "--json").data["revision"] in first.out
    assert byname("db", "check").code == 0
    assert byname("db", "check", "--json").data["differences"] == []


def test_check_tells_tables_that_differ(byname: CommandLine) -> None:
    byname.succeed("db upgrade")
    with sqlite3.connect(byname.database) as connection:
        connection.execute("ALTER TABLE accounts ADD COLUMN surprise TEXT")
    finished = byname("db", "check")
    assert finished.code == 1
    assert "surprise" in finished.out


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_missing_database(byname: CommandLine, command: str) -> None:
    finished = byname(*command.split())
    assert (finished.code, finished.out) == (78, "")
    assert finished.err.startswith("byname: store-not-ready: ")
    assert "byname db upgrade" in finished.err
    assert not byname.database.exists()


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_unknown_revision(byname: CommandLine, command: str) -> None:
    byname.succeed("db upgrade")
    with sqlite3.connect(byname.database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from-the-future'")
    finished = byname(*command.split())
    assert (finished.code, finished.out) == (78, "")
    assert finished.err.startswith("byname: store-not-ready: ")


def test_upgrade_leaves_a_newer_database_alone(byname: CommandLine) -> None:
    byname.succeed("db upgrade")
    with sqlite3.connect(byname.database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from-the-future'")
    finished = byname("db", "upgrade")
    assert (finished.code, finished.out) == (78, "")
    assert finished.err.startswith("byname: store-not-ready: ")


@pytest.mark.parametrize("command", ["account list", "explain john@brand-a.test", "db check"])
def test_a_file_that_is_no_database(byname: CommandLine, command: str) -> None:
    byname.database.write_bytes(b"this is not a database, it only says so" * 100)
    finished = byname(*command.split())
    assert (finished.code, finished.out) == (78, "")
    assert finished.err.startswith("byname: store-not-ready: ")


def test_upgrade_into_a_missing_folder(byname: CommandLine, tmp_path: Path) -> None:
    byname.database = tmp_path / "missing" / "byname.db"
    byname.configure()
    finished = byname("db", "upgrade")
    assert finished.code == 78
    assert str(tmp_path / "missing") in finished.err


def test_a_server_that_does_not_answer(byname: CommandLine) -> None:
    byname.config.write_text('store.url = "postgresql://byname:geheim@127.0.0.1:1/byname"\n')
    for command in ("account list", "account create x --plan pro", "explain john@brand-a.test", "db check"):
        finished = byname(*command.split())
        assert (finished.code, "geheim" in finished.err) == (75, False), command


# a settings line, the key that is named, a word of the rule
MISTAKES = [
    ("milter.inbuond = 1", "milter.inbuond", "milter.inbound"),
    ('maps.listen = "nowhere"', "maps.listen", "unix:/path"),
    ('routing.suspended = "maybe"', "routing.suspended", "defer"),
    ('senders.default_domain = "a_b.test"', "senders.default_domain", "domain name"),
    ("this is not toml", "byname.toml", ""),
]


@pytest.mark.parametrize(("line", "key", "word"), MISTAKES)
@pytest.mark.parametrize("command", ["config check", "explain john@brand-a.test", "maps", "milter --role inbound"])
def test_bad_settings(byname: CommandLine, line: str, key: str, word: str, command: str) -> None:
    byname.succeed("db upgrade")
    byname.configure(line)
    finished = byname(*command.split())
    assert (finished.code, finished.out) == (78, "")
    assert all(told.startswith("byname: bad-configuration: ") for told in finished.err.splitlines())
    assert key in finished.err
    assert word in finished.err


def test_missing_settings_file(byname: CommandLine) -> None:
    byname.config.unlink()
    finished = byname("config", "check", "--json")
    assert finished.code == 78
    assert finished.error["code"] == "bad-configuration"
    assert str(byname.config) in finished.error["message"]


def test_every_mistake_has_its_line(byname: CommandLine) -> None:
    byname.configure("milter.inbuond = 1", 'log.format = "xml"')
    assert len(byname("config", "check").err.splitlines()) == 2


def test_show_changed_all_and_defaults(byname: CommandLine) -> None:
    byname.configure('log.format = "json"')
    changed, everything, defaults = (byname("config", "show", *options).out for options in (["-n"], [], ["-d"]))
    assert changed == f'log.format = "json"\nstore.url = "sqlite:///{byname.database}"\n'
    assert 'log.format = "json"\n' in everything
    assert 'log.format = "text"\n' in defaults
    assert 'milter.mode = "enforce"\n' in defaults
    names = [line.split(" =")[0] for line in everything.splitlines()]
    assert names == sorted(names)
    assert names == [line.split(" =")[0] for line in defaults.splitlines()]
    assert byname("config", "show", "--json").data["log.format"] == "json"


def test_show_hides_secrets(byname: CommandLine) -> None:
    byname.config.write_text(f'store.url = "postgresql://byname:geheim@db/byname"\ntrace.key = "{"geheim" * 8}"\n')
    for options in ([], ["-n"], ["--json"]):
        out = byname("config", "show", *options).out
        assert "geheim" not in out
        assert "trace.key" in out


def test_example_is_a_usable_file(byname: CommandLine, tmp_path: Path) -> None:
    example = byname("config", "example").out
    tomllib.loads(example)
    byname.config.write_text(example)
    assert byname("config", "check").code == 0
    assert byname("config", "show").out == byname("config", "show", "-d").out


@pytest.mark.parametrize(
    "command",
    [
        "",
        *("account", "account create", "account set", "account list", "account remove"),
        *("domain", "domain add", "domain set", "domain list", "domain remove"),
        *("mailbox", "mailbox add", "mailbox set", "mailbox password", "mailbox list", "mailbox remove"),
        *("alias", "alias add", "alias set", "alias list", "alias remove"),
        *("config", "config check", "config show", "config example", "db", "db upgrade", "db check"),
        *("token", "token create", "token list", "token revoke", "audit"),
        *("explain", "milter", "maps", "demo"),
    ],
)
def test_help(byname: CommandLine, command: str) -> None:
    byname.config.unlink()  # help needs none
    finished = byname(*command.split(), "--help")
    assert (finished.code, finished.err) == (0, "")
    assert finished.out.startswith("Usage: byname")
    assert "Commands:" in finished.out or "Example: " in finished.out


def test_version(byname: CommandLine) -> None:
    finished = byname("--version")
    assert finished.code == 0
    assert finished.out.startswith("byname ")


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from byname.cli import main; main(['--help']); print([m for m in sys.modules if m in %r])"
    heavy = {"sqlalchemy", "pydantic_settings", "structlog", "rich", "alembic", "Milter"}
    done = subprocess.run([sys.executable, "-c", code % heavy], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_daemon_with_a_cache_serves_before_it_loads_sql() -> None:
    """And the database driver of another kind of store is never loaded."""
    modules = "byname.telemetry, byname.wiring.late_store, byname.wiring.counting, byname_milter.server, edges.maps"
    code = (
        f"import sys, {modules}, edges.lmtp.server; print('sqlalchemy' in sys.modules);"
        " from byname.wiring import open_database; from conf.settings import Settings; open_database(Settings());"
        " print([m for m in ('sqlalchemy', 'psycopg', 'confusable_homoglyphs') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", "['sqlalchemy']"]


def test_a_reader_that_goes_away_is_no_traceback(byname: CommandLine) -> None:
    byname.succeed(*SAMPLE)
    read, write = os.pipe()
    os.close(read)
    with byname.start("alias", "list", stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (141, "")


def test_a_full_disk_is_told(byname: CommandLine) -> None:
    byname.succeed(*SAMPLE)
    with Path("/dev/full").open("w") as full, byname.start("alias", "list", stdout=full) as process:
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (75, "byname: output-lost: cannot write the output: No space left on device\n")


def test_a_closed_output_is_told(byname: CommandLine) -> None:
    command = [sys.executable, "-m", "byname", "--config", str(byname.config), "config", "show"]
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (
        75,
        "byname: output-lost: cannot write the output: standard output is closed\n",
    )


def test_a_locked_database_is_unavailable_and_nothing_is_written(byname: CommandLine) -> None:
    byname.succeed(*SAMPLE)
    before = byname.state()
    with sqlite3.connect(byname.database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        finished = byname("alias", "add", "x@brand-a.test", "john@brand-a.test")
        assert time.monotonic() - began < 20
        other.execute("ROLLBACK")
    assert finished.code == 75
    assert finished.err.startswith("byname: unavailable: ")
    assert byname.state() == before
