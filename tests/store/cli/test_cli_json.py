"""``--json`` before the command is ``--json`` behind it."""

import json

import pytest

from tests.store.cli.command_line import SAMPLE, CommandLine


@pytest.fixture(scope="module")
def byname(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(tmp_path_factory.mktemp("site"))
    command_line.succeed(*SAMPLE)
    return command_line


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("account list", 0),
        ("alias list john@brand-a.test", 0),
        ("domain list", 0),
        ("token list", 0),
        ("audit", 0),
        ("config show -n", 0),
        ("db check", 0),
        ("explain sales@brand-b.test", 0),
        ("explain nobody@brand-b.test", 1),
        ("alias add nobody@elsewhere.test john@brand-a.test", 65),
        ("mailbox remove john@brand-a.test", 65),
    ],
)
def test_before_behind_and_both(byname: CommandLine, command: str, code: int) -> None:
    behind = byname(*command.split(), "--json")
    assert behind.code == code
    json.loads(behind.out or behind.err)
    for arguments in (["--json", *command.split()], ["--json", *command.split(), "--json"]):
        assert byname(*arguments) == behind


def test_an_error_of_a_command_that_prints_no_json(byname: CommandLine) -> None:
    byname.config.write_text("store.url = 1\n")
    try:
        finished = byname("--json", "export")
    finally:
        byname.configure()
    assert (finished.code, finished.error["code"]) == (78, "bad-configuration")


def test_without_it_a_table(byname: CommandLine) -> None:
    assert byname("account", "list").out.startswith("ACCOUNT  PLAN")
