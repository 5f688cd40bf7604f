"""``byname explain`` with a message and the checks that a site may add: it says what a milter would do."""

import pytest

from store.services import mailboxes
from store.sql.database import Database
from tests.store.cli.command_line import SAMPLE, CommandLine
from tests.unit.ordinary_mails import calendar

JOHN, MARY = "john@brand-a.test", "mary@brand-a.test"
SETTINGS = (
    "senders.inbound_spoof = 'lookalike'",
    "senders.colleague_names = 'mark'",
    "senders.forged_trust = 'refuse'",
    "senders.foreign_organizer = 'log'",
)
OWN = b"From: John <john@brand-a.test>\r\n"


@pytest.fixture(scope="module")
def byname(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(tmp_path_factory.mktemp("site"))
    command_line.succeed(*SAMPLE)
    command_line.configure(*SETTINGS)
    database = Database.open(f"sqlite:///{command_line.database}")
    with database.write() as tx:
        mailboxes.update(tx, MARY, display_name="Mary Poe")
    database.close()
    return command_line


def said(byname: CommandLine, raw: bytes, *arguments: str) -> tuple[int, str, list[str]]:
    finished = byname("explain", *arguments, "--message", "-", "--json", stdin=raw)
    steps = [step["found"] for step in finished.data["steps"] if step["looked_up"].startswith("check ")]
    return finished.code, finished.data["rule"], steps


def test_from_outside(byname: CommandLine) -> None:
    mark = "X-Byname-Notice: display-name-of-colleague"
    outside = b"From: Poe, Mary <m@outside.example>\r\n\r\nx\r\n"
    assert said(byname, outside, JOHN) == (0, "mailbox", ["nothing", "nothing", mark])
    assert said(byname, outside, MARY) == (0, "mailbox", ["nothing", "nothing", "nothing"])
    code, rule, steps = said(byname, "From: x@br\u0430nd-a.test\r\n\r\nx\r\n".encode(), JOHN)
    assert (code, rule, len(steps)) == (1, "lookalike-sender", 2)


def test_submitted(byname: CommandLine) -> None:
    forged = said(byname, OWN + b"X-Byname-Trace-Of-Me: x\r\n\r\nx\r\n", "--login", JOHN)
    assert forged == (1, "forged-byname", ["550 5.7.1 Message rejected: fields that only Byname may write"])
    invitation = OWN + b"Content-Type: text/calendar\r\n\r\n" + calendar("REQUEST", "ceo@bank.test", JOHN)
    code, rule, steps = said(byname, invitation, "--login", JOHN)
    assert (code, rule) == (0, "owned")  # it is only logged
    assert steps[1].startswith("550 5.7.1 <ceo@bank.test>: Sender address rejected")


def test_usage(byname: CommandLine) -> None:
    finished = byname("explain", JOHN, "--login", JOHN, "--message", "-", stdin=OWN)
    assert finished.code == 2
