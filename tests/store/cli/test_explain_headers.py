"""``byname explain --message`` says of every From field what a real Postfix answers (tests.mail.test_from_cases)."""

import pytest

from tests.store.cli.command_line import SAMPLE, CommandLine
from tests.unit.from_cases import CASES, HEADERS, JOHN, reply_to

NAMES = (
    "alias add sales@brand-a.test john@brand-a.test --send",
    "domain add bücher.test --account acme --verified",
    "alias add john@bücher.test john@brand-a.test --send",
)
SHARES = 8


@pytest.fixture(scope="module")
def byname(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(tmp_path_factory.mktemp("site"))
    command_line.succeed(*SAMPLE, *NAMES)
    return command_line


def explained(byname: CommandLine, raw: bytes) -> tuple[str, str]:
    """Return the rule and the whole reply; the MTA's own where it may go on."""
    finished = byname("explain", "--login", JOHN, "--message", "-", "--json", stdin=raw)
    reply = finished.data["reply"]
    assert finished.code == (0 if reply is None else 1)
    text = "250 2.0.0 Ok: queued as " if reply is None else f"{reply['code']} {reply['enhanced']} {reply['text']}"
    return finished.data["rule"], text


@pytest.mark.parametrize("share", range(SHARES))
def test_values(byname: CommandLine, share: int) -> None:
    wrong = []
    for case in CASES[share::SHARES]:
        expected = case.by_postfix or case.rule
        rule, reply = explained(byname, b"Subject: x\r\nFrom:" + case.value + b"\r\n\r\nbody\r\n")
        if rule != expected or not reply.startswith(reply_to(expected, case.address)):
            wrong.append((case.id, expected, rule, reply))
    assert wrong == []


@pytest.mark.parametrize(("header", "rule", "by_postfix"), HEADERS)
def test_headers(byname: CommandLine, header: bytes, rule: str, by_postfix: str | None) -> None:
    expected = by_postfix or rule
    found, reply = explained(byname, header + b"\r\n\r\nbody\r\n")
    assert found == expected
    assert reply.startswith(reply_to(expected, "ceo@bank.test"))
