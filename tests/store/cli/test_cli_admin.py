"""``byname admin``: who signs in to the dashboard."""

from pathlib import Path

import pytest

from byname.exits import ExitCode
from routing.address import Address
from store import passwords
from store.services import sessions
from store.sql.database import Database
from tests.store.cli.command_line import SAMPLE, CommandLine

ANN = "ann@agency.example"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    run = CommandLine(tmp_path_factory.mktemp("admins"))
    run.succeed(*SAMPLE[:8])
    return run


def fits(database: Path, password: str) -> bool:
    opened = Database.open(f"sqlite:///{database}")
    with opened.read() as tx:
        person = sessions.person_called(tx, Address.parse(ANN))
    opened.close()
    assert person is not None
    return passwords.verify(password, person.password_hash)


def test_the_life_of_an_admin(site: CommandLine) -> None:
    made = site("admin", "add", ANN, "--account", "acme", "--role", "viewer", "--generate-password")
    assert (made.code, made.err) == (ExitCode.DONE, "")
    assert fits(site.database, made.out.strip())
    assert site("admin", "reset", ANN, "--password-stdin", stdin=b"open sesame\n").code == ExitCode.DONE
    assert fits(site.database, "open sesame")
    (listed,) = site("admin", "list", "--json").data["data"]
    assert (listed["address"], listed["account"], listed["role"]) == (ANN, "acme", "viewer")
    assert site("admin", "remove", ANN).code == ExitCode.DONE
    assert site("admin", "list", "--json").data["data"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["add", ANN, "--generate-password"], ExitCode.USAGE),
        (["add", ANN, "--operator", "--account", "acme", "--generate-password"], ExitCode.USAGE),
        (["add", ANN, "--operator"], ExitCode.USAGE),
        (["add", ANN, "--operator", "--role", "owner", "--generate-password"], ExitCode.USAGE),
        (["add", "ann", "--operator", "--generate-password"], ExitCode.DATA),
        (["add", ANN, "--account", "nobody", "--generate-password"], ExitCode.DATA),
        (["reset", ANN, "--generate-password"], ExitCode.DATA),
        (["remove", ANN], ExitCode.DATA),
    ],
)
def test_what_is_refused(site: CommandLine, arguments: list[str], code: ExitCode) -> None:
    assert site("admin", *arguments).code == code


def test_a_short_password_is_refused(site: CommandLine) -> None:
    refused = site("admin", "add", ANN, "--operator", "--password-stdin", "--json", stdin=b"short\n")
    assert refused.error["code"] == "invalid-request"
