"""``byname admin``: who signs in to the dashboard."""

from pathlib import Path

import pytest

from byname.exits import ExitCode
from routing.address import Address
from store import passwords
from store.services import sessions
from store.sql.database import Database
from store.sql.tables import TotpRow
from tests.store.cli.command_line import SAMPLE, CommandLine

ANN, BOB, JOHN = "ann@agency.example", "bob@operator.example", "john@brand-a.test"


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
    reset = site("admin", "reset", ANN, "--password-stdin", stdin=b"open sesame\n")
    assert (reset.code, "second factor: none" in reset.err) == (ExitCode.DONE, True)
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


def test_a_reset_takes_the_second_factor_away_and_says_so(site: CommandLine) -> None:
    site.succeed(f"admin add {BOB} --operator --generate-password")
    give_app(site.database, BOB)
    first = site("admin", "reset", BOB, "--generate-password")
    assert (first.code, "second factor: removed" in first.err) == (ExitCode.DONE, True)
    assert site("admin", "reset", BOB, "--generate-password", "--json").data["second_factor"] == "none"


def test_a_mailbox_keeps_its_second_factor_unless_it_is_named(site: CommandLine) -> None:
    give_app(site.database, JOHN)
    kept = site("mailbox", "password", JOHN, "--generate-password")
    assert (kept.code, "second factor" in kept.err) == (ExitCode.DONE, False)
    gone = site("mailbox", "password", JOHN, "--generate-password", "--reset-second-factor")
    assert (gone.code, "second factor: removed" in gone.err) == (ExitCode.DONE, True)


def give_app(database: Path, address: str) -> None:
    opened = Database.open(f"sqlite:///{database}")
    with opened.write() as tx:
        person = sessions.person_called(tx, Address.parse(address))
        assert person is not None
        tx.add(TotpRow(admin_id=person.admin_id, mailbox_id=person.mailbox_id, secret="A" * 32, last_step=0))
    opened.close()
