"""``byname token create``: the token alone on standard output, and who made it in the audit log."""

import os
import pwd
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from byname.exits import ExitCode
from store.clock import utc_now
from store.services import audit, tokens
from store.services.scopes import SCOPES
from store.sql.database import Database
from tests.store.cli.command_line import SAMPLE, CommandLine

MAILBOX = "john@brand-a.test"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A site that only gets tokens."""
    run = CommandLine(tmp_path_factory.mktemp("tokens"))
    run.succeed(*SAMPLE[:8])
    return run


@pytest.fixture
def database(site: CommandLine) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{site.database}")
    yield opened
    opened.close()


def found(database: Database, secret: str) -> tokens.TokenView:
    shown = tokens.find(database, secret, utc_now())
    assert shown is not None
    return shown.token


@pytest.mark.parametrize(
    ("options", "kind", "scopes"),
    [
        (["--operator"], "operator", SCOPES["operator"]),
        (["--account", "acme"], "account", SCOPES["account"]),
        (["--mailbox", MAILBOX], "message", SCOPES["message"]),
        (["--account", "acme", "--scope", "rules:read", "--scope", "aliases:write"], "account",
         ("aliases:write", "rules:read")),
    ],
)  # fmt: skip
def test_made(site: CommandLine, database: Database, options: list[str], kind: str, scopes: tuple[str, ...]) -> None:
    finished = site("token", "create", *options, "--name", "of a test")
    assert (finished.code, finished.err) == (0, "")
    view = found(database, finished.out.removesuffix("\n"))
    assert (view.kind, view.scopes, view.name, view.expires_at) == (kind, scopes, "of a test", None)


@pytest.mark.parametrize(("span", "length"), [("90d", timedelta(days=90)), ("12h", timedelta(hours=12)),
                                              ("30m", timedelta(minutes=30)), ("2w", timedelta(weeks=2)),
                                              ("90s", timedelta(seconds=90))])  # fmt: skip
def test_it_expires(site: CommandLine, database: Database, span: str, length: timedelta) -> None:
    view = found(database, site("token", "create", "--operator", "--expires-in", span).out.strip())
    assert view.expires_at is not None
    assert abs(view.expires_at - utc_now() - length) < timedelta(seconds=25)


def test_json(site: CommandLine, database: Database) -> None:
    told = site("token", "create", "--operator", "--json").data
    assert found(database, told["secret"]).id == told["id"]
    assert told["kind"] == "operator"


def test_the_sites_prefixes(site: CommandLine, database: Database) -> None:
    site.configure('api.token_prefixes = ["a_", "m_", "o_"]')
    try:
        secret = site("token", "create", "--operator").out.strip()
    finally:
        site.configure()
    assert secret.startswith("o_")
    assert found(database, secret).kind == "operator"


def test_who_made_it(site: CommandLine, database: Database) -> None:
    secret = site("token", "create", "--operator").out.strip()
    with database.read() as tx:
        entry = audit.page(tx, per_page=1).items[0]
    user = pwd.getpwuid(os.getuid()).pw_name
    assert (entry.action, entry.object_id) == ("token.create", found(database, secret).id)
    assert (entry.actor, entry.token_id, entry.request_id) == (f"command line ({user})", None, None)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], ExitCode.USAGE, "--operator or --account or --mailbox is needed"),
        (["--operator", "--account", "acme"], ExitCode.USAGE, "exclude each other"),
        (["--operator", "--expires-in", "90"], ExitCode.USAGE, "such as 90d"),
        (["--operator", "--expires-in", "0d"], ExitCode.USAGE, "such as 90d"),
        (["--operator", "--scope", "made:up"], ExitCode.DATA, "invalid-request: "),
        (["--operator", "--name", ""], ExitCode.DATA, "invalid-request: "),
        (["--mailbox", MAILBOX, "--scope", "domains:read"], ExitCode.DATA, "invalid-request: "),
        (["--account", "nobody"], ExitCode.DATA, "not-found: "),
        (["--mailbox", "nobody@brand-a.test"], ExitCode.DATA, "not-found: "),
    ],
)
def test_refused(site: CommandLine, options: list[str], code: ExitCode, words: str) -> None:
    before = Path(site.database).stat().st_size
    finished = site("token", "create", *options)
    assert (finished.code, finished.out) == (code, "")
    assert words in finished.err
    assert Path(site.database).stat().st_size == before
