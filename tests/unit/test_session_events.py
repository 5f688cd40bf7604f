"""Which events each session asks the MTA for: one that is not asked for is a check that is not made."""

import Milter
import pytest

from byname_milter.inbound import InboundHeaderSession, InboundSession
from byname_milter.local import LocalSession
from byname_milter.session import Session
from byname_milter.submission import SubmissionSession

NEVER = Milter.P_NOHELO | Milter.P_NODATA | Milter.P_NOBODY | Milter.P_NOUNKNOWN
ALWAYS = Milter.P_NOMAIL | Milter.P_NORCPT | Milter.P_NOHDRS | Milter.P_NOCONNECT


@pytest.mark.parametrize(
    ("session", "end_of_header"),
    [(InboundSession, False), (InboundHeaderSession, True), (SubmissionSession, True), (LocalSession, False)],
)
def test_events(session: type[Session], *, end_of_header: bool) -> None:
    wanted = session.protocol_mask()  # pymilter turns off at the MTA what is not in it
    assert wanted & NEVER == 0
    assert wanted & ALWAYS == ALWAYS
    assert bool(wanted & Milter.P_NOEOH) is end_of_header


def test_no_session_is_the_child_of_one_in_use() -> None:
    """pymilter keeps the events of a class in an attribute that a child class would find instead of its own."""
    in_use = {InboundSession, InboundHeaderSession, SubmissionSession, LocalSession}
    assert all(in_use.isdisjoint(session.__mro__[1:]) for session in in_use)
