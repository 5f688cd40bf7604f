"""``byname account remove``, ``token revoke`` and ``mailbox password``: what goes, and what is refused."""

import pytest

from byname.exits import ExitCode
from store.clock import utc_now
from store.passwords import verify
from store.services import tokens
from store.sql.database import Database
from store.sql.tables import MailboxRow, TokenRow
from tests.store.cli.command_line import CommandLine

JOHN = "john@brand-a.test"
PREFIXES = ("bn_ops_", "bn_msg_", "bn_opr_")


def new_token(byname: CommandLine, *options: str) -> str:
    finished = byname("token", "create", *options)
    assert finished.code == 0, finished
    return finished.out.strip()


def works(byname: CommandLine, secret: str) -> bool:
    database = Database.open(f"sqlite:///{byname.database}")
    try:
        return tokens.find(database, secret, utc_now()) is not None
    finally:
        database.close()


def password_is(byname: CommandLine, password: str) -> bool:
    database = Database.open(f"sqlite:///{byname.database}")
    try:
        with database.read() as tx:
            row = tx.get(MailboxRow, byname("mailbox", "list", "--json").data["data"][0]["id"])
            assert row is not None
            return verify(password, row.password_hash)
    finally:
        database.close()


def test_list_of_tokens(byname: CommandLine) -> None:
    secret = new_token(byname, "--account", "acme", "--name", "web shop", "--scope", "rules:read")
    new_token(byname, "--mailbox", JOHN, "--expires-in", "90s")
    new_token(byname, "--operator")
    listed = byname("token", "list", "--json")
    shown = {token["kind"]: (token["owner"], token["scopes"], token["expires_at"]) for token in listed.data["data"]}
    assert shown["account"] == ("acme", ["rules:read"], None)
    assert shown["message"][0] == JOHN
    assert shown["message"][2] is not None
    assert shown["operator"][0] is None
    table = byname("token", "list").out
    assert " ".join(table.split("\n", 1)[0].split()) == "ID KIND OWNER TOKEN NAME SCOPES EXPIRES LAST USED"
    row = next(line for line in table.splitlines() if "web shop" in line)
    assert [cell.strip() for cell in row.split("  ") if cell] == [
        "1", "account", "acme", secret[:11], "web shop", "rules:read", "-", "-"]  # fmt: skip
    assert secret not in table + listed.out


@pytest.mark.parametrize("by", ["id", "start"])
def test_revoke(byname: CommandLine, by: str) -> None:
    secret, other = new_token(byname, "--account", "acme"), new_token(byname, "--operator")
    finished = byname("token", "revoke", "1" if by == "id" else secret[:11], "--json")
    assert (finished.code, finished.data["id"], finished.data["owner"]) == (0, 1, "acme")
    assert (works(byname, secret), works(byname, other)) == (False, True)


@pytest.mark.parametrize("text", ["7", "bn_ops_None", "", "9" * 30, "9" * 5000])
def test_revoke_what_is_not_there(byname: CommandLine, text: str) -> None:
    secret = new_token(byname, "--account", "acme")
    finished = byname("token", "revoke", text, "--json")
    assert (finished.code, finished.error["code"]) == (ExitCode.DATA, "not-found")
    assert works(byname, secret)


def test_a_start_that_two_tokens_share_revokes_none(byname: CommandLine) -> None:
    byname.configure('api.token_prefixes = ["bn_ops_", "bn_msg_", "bn_opr_"]')
    secrets = [new_token(byname, "--account", "acme"), new_token(byname, "--operator")]
    database = Database.open(f"sqlite:///{byname.database}")
    with database.write() as tx:
        for row in tx.query(TokenRow):
            row.start = "bn_ops_SAME"
    database.close()
    finished = byname("token", "revoke", "bn_ops_SAME", "--json")
    assert (finished.code, finished.error["code"]) == (ExitCode.DATA, "conflict")
    assert finished.error["details"] == {"ids": [1, 2]}
    assert all(works(byname, secret) for secret in secrets)


def test_password_from_standard_input(byname: CommandLine) -> None:
    finished = byname("mailbox", "password", JOHN, "--password-stdin", stdin=b"correct horse\n")
    assert (finished.code, finished.err) == (0, "")
    assert JOHN in finished.out
    assert password_is(byname, "correct horse")
    assert not password_is(byname, "correct horse\n")


def test_a_generated_password_stands_alone(byname: CommandLine) -> None:
    first = byname("mailbox", "password", JOHN, "--generate-password").out.strip()
    assert password_is(byname, first)
    second = byname("mailbox", "password", JOHN, "--generate-password", "--json").data
    assert (second["address"], password_is(byname, second["password"])) == (JOHN, True)
    assert not password_is(byname, first)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([JOHN], ExitCode.USAGE, "--password-stdin or --generate-password is needed"),
        ([JOHN, "--password-stdin", "--generate-password"], ExitCode.USAGE, "exclude each other"),
        (["nobody@brand-a.test", "--generate-password"], ExitCode.DATA, "byname: not-found: "),
        (["info@brand-a.test", "--generate-password"], ExitCode.DATA, "byname: not-found: "),
        ([JOHN, "--password-stdin"], ExitCode.DATA, "byname: invalid-request: "),
    ],
)
def test_password_refused(byname: CommandLine, arguments: list[str], code: ExitCode, message: str) -> None:
    finished = byname("mailbox", "password", *arguments)
    assert (finished.code, finished.out) == (code, "")
    assert message in finished.err


def test_an_account_with_domains_stays(byname: CommandLine) -> None:
    before = byname.state()
    for options in ([], ["--yes"]):
        finished = byname("account", "remove", "acme", *options, "--json")
        assert (finished.code, finished.error["code"]) == (ExitCode.DATA, "conflict")
        assert finished.error["details"] == {"domains": 3}
    assert byname.state() == before


def test_account_and_tokens_go_when_that_is_confirmed(byname: CommandLine) -> None:
    byname.succeed("account create late --plan nano")
    secret, other = new_token(byname, "--account", "late", "--name", "web"), new_token(byname, "--account", "acme")
    asked = byname("account", "remove", "late", "--json")
    assert (asked.code, asked.error["code"]) == (ExitCode.DATA, "confirmation-required")
    assert asked.error["details"] == {"tokens": [f"{secret[:11]} (web)"]}
    assert works(byname, secret)
    finished = byname("account", "remove", "late", "--yes")
    assert (finished.code, finished.out) == (0, f"removed account late\nremoved token {secret[:11]} (web)\n")
    assert (works(byname, secret), works(byname, other)) == (False, True)
    assert "late" not in byname("account", "list").out


def test_an_account_that_is_not_there(byname: CommandLine) -> None:
    for options in ([], ["--yes"]):
        assert byname("account", "remove", "nobody", *options, "--json").error["code"] == "not-found"


def test_json_of_a_removed_account(byname: CommandLine) -> None:
    byname.succeed("account create late --plan nano")
    removed = byname("account", "remove", "late", "--yes", "--json").data
    assert (removed["name"], removed["tokens"]) == ("late", [])
