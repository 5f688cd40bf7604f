"""From whom aliases take mail, through a real Sendmail: what the envelope, the header and the body of a bounce say."""

from collections.abc import Sequence

import pytest

from tests.mail.sendmail.site import SendmailSite
from tests.mail.test_senders import GOOD, NOT, SPAM_AUTHOR, TEAM
from tests.mail.world import MARY
from tests.unit.sender_cases import AT_END, AT_RCPT, BOUNCE, CASES, LATER, TAKEN, Case, expected, raw

TAKES, DONE = "250 2.1.5 {0}... Recipient ok", "Message accepted for delivery"
DIFFER = "451 4.5.3 Not every recipient takes this message, please try again"


def replies(site: SendmailSite, recipients: Sequence[str], message: bytes, sender: str = GOOD) -> list[str]:
    """Return what was said to each recipient, and to the message if there was one, on a connection of its own."""
    with site.stranger() as smtp:
        found = smtp.mail([f"<{one}>" for one in recipients], message, sender)[1:]
    return [DONE if each.endswith(DONE) else each for each in found]


@pytest.mark.parametrize("outcome", [TAKEN, AT_RCPT, AT_END, LATER])
def test_every_case(milter: SendmailSite, outcome: str) -> None:
    replies(milter, ["asks@brand-a.test"], raw(BOUNCE), "<>")  # connections show bodies from now on
    milter.clear()
    cases = [case for case in CASES if case.outcome == outcome and case.message.isascii()]
    found = [(case, replies(milter, [f"{case.alias}@brand-a.test"], raw(case.message), case.sender)) for case in cases]
    assert found == [(case, _replies_to(case)) for case in cases]
    assert len(milter.arrived(len(cases) * (outcome == TAKEN))) == len(cases) * (outcome == TAKEN)


def _replies_to(case: Case) -> list[str]:
    reply, typed = expected(case), f"<{case.alias}@brand-a.test>"
    if case.outcome == AT_RCPT:
        return [f"{str(reply)[:9]} {typed}... {str(reply)[10:]}"]
    return [TAKES.format(typed), str(reply or DONE)]


def test_one_of_several_refuses_the_header(milter: SendmailSite) -> None:
    """Nobody loses it, and nobody is told wrong: the client is told them apart when it comes again."""
    but, team = "<but@brand-a.test>", f"<{TEAM}>"
    both = ("but@brand-a.test", TEAM)
    replies(milter, ["but@brand-a.test"], SPAM_AUTHOR)  # connections show headers from now on
    assert replies(milter, both, SPAM_AUTHOR) == [TAKES.format(but), TAKES.format(team), DIFFER]
    apart = f"452 4.5.3 {team}: Please send this message to this recipient separately"
    assert replies(milter, both, SPAM_AUTHOR) == [TAKES.format(but), apart, f"550 5.7.1 {but}: {NOT}"]
    assert replies(milter, both[1:], SPAM_AUTHOR) == [TAKES.format(team), DONE]
    assert [each.recipients for each in milter.arrived(1)] == [(MARY,)]
