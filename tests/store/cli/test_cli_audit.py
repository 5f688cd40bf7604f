"""``byname audit``: who changed what, the latest first, with filters."""

from datetime import timedelta

import pytest

from byname.exits import ExitCode
from store.clock import utc_now
from tests.store.cli.command_line import CommandLine

COMMANDS = (
    "db upgrade",
    "account create acme --plan starter",
    "account create rival --plan nano",
    "domain add brand-a.test --account acme --verified",
    "mailbox add john@brand-a.test --generate-password",
    "alias add sales@brand-a.test john@brand-a.test",
    "alias set sales@brand-a.test --send --no-receive",
    "mailbox password john@brand-a.test --generate-password",
    "domain set brand-a.test --catch-all john@brand-a.test",
    "alias remove sales@brand-a.test",
)


@pytest.fixture(scope="module")
def byname(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(tmp_path_factory.mktemp("site"))
    command_line.succeed(*COMMANDS)
    return command_line


def actions(byname: CommandLine, *options: str) -> list[tuple[str, str]]:
    finished = byname("audit", *options, "--json")
    assert finished.code == 0
    return [(entry["action"], entry["name"]) for entry in finished.data["data"]]


EVERYTHING = [
    ("alias.delete", "sales@brand-a.test"),
    ("domain.update", "brand-a.test"),
    ("mailbox.set-password", "john@brand-a.test"),
    ("alias.update", "sales@brand-a.test"),
    ("alias.create", "sales@brand-a.test"),
    ("mailbox.create", "john@brand-a.test"),
    ("domain.create", "brand-a.test"),
    ("account.create", "rival"),
    ("account.create", "acme"),
]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], EVERYTHING),
        (["--limit", "2"], EVERYTHING[:2]),
        (["--object", "sales@brand-a.test"], [EVERYTHING[0], *EVERYTHING[3:5]]),
        (["--object", "mailbox:1"], [EVERYTHING[2], EVERYTHING[5]]),
        (["--object", "nobody@brand-a.test"], []),
        (["--account", "rival"], [EVERYTHING[7]]),
        (["--account", "acme", "--limit", "1", "--object", "brand-a.test"], [EVERYTHING[1]]),
        (["--since", "1h"], EVERYTHING),
        (["--since", "2001-01-31T12:00Z"], EVERYTHING),
        (["--since", (utc_now() + timedelta(days=2)).date().isoformat()], []),
    ],
)
def test_filters(byname: CommandLine, options: list[str], expected: list[tuple[str, str]]) -> None:
    assert actions(byname, *options) == expected


def test_json_has_the_objects_before_and_after(byname: CommandLine) -> None:
    entry = byname("audit", "--object", "sales@brand-a.test", "--json").data["data"][1]
    assert (entry["before"]["can_send"], entry["after"]["can_send"]) == (False, True)
    assert entry["actor"].startswith("command line (")
    assert "password" not in byname("audit", "--json").out.replace("set-password", "")


def test_the_table_says_what_changed_in_one_line(byname: CommandLine) -> None:
    finished = byname("audit")
    heading, *lines = finished.out.splitlines()
    assert heading.split("  ")[0] == "AT"
    assert heading.endswith("WHAT CHANGED")
    assert len(lines) == len(EVERYTHING)
    assert lines[0].split()[-2:] == ["sales@brand-a.test", "-"]
    assert lines[1].endswith("catch_all.enabled: no -> yes, catch_all.destination: - -> john@brand-a.test")
    assert lines[3].endswith("  can_receive: yes -> no, can_send: no -> yes")
    assert ", can_receive: yes, is_active: yes, mailbox: john@brand-a.test" in lines[4]
    assert finished.err == ""


def test_what_was_left_off_is_said(byname: CommandLine) -> None:
    assert byname("audit", "--limit", "2").err == "byname: 7 older changes are not shown; --limit shows more\n"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--since", "yesterday"], ExitCode.USAGE, "a length such as 12h or a moment such as 2026-01-31T12:00Z"),
        (["--since", "0h"], ExitCode.USAGE, "a length such as 12h"),
        (["--limit", "0"], ExitCode.USAGE, "--limit"),
        (["--account", "nobody"], ExitCode.DATA, "byname: not-found: "),
    ],
)
def test_refused(byname: CommandLine, options: list[str], code: ExitCode, message: str) -> None:
    finished = byname("audit", *options)
    assert (finished.code, finished.out) == (code, "")
    assert message in " ".join(finished.err.split())
