"""What each session asks the MTA for: an event that is not asked for is a check that is not made."""

from collections.abc import Callable
from dataclasses import replace
from typing import Never

import Milter
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import CapturingLogger

from byname_milter.callbacks import answered, notified, on_body, on_close, on_header
from byname_milter.decision_log import DecisionLog
from byname_milter.decision_metrics import DecisionMetrics
from byname_milter.inbound import InboundHeaderSession, InboundSession
from byname_milter.libmilter import negotiate
from byname_milter.local import LocalSession
from byname_milter.session import Session
from byname_milter.site import Site
from byname_milter.submission import SubmissionSession
from byname_milter.submission_wall import SubmissionWallSession
from routing.memory_directory import MemoryDirectory
from routing.policy import Policy, Switch
from routing.sender import Role

ALL = 0x1FFFFF  # every SMFIP_ bit of protocol version 6
UNUSED = Milter.P_NOHELO | Milter.P_NODATA | Milter.P_NOBODY | Milter.P_NOUNKNOWN
USED = Milter.P_NOMAIL | Milter.P_NORCPT | Milter.P_NOHDRS
CHANGES = Milter.ADDHDRS | Milter.CHGHDRS | Milter.ADDRCPT | Milter.ADDRCPT_PAR | Milter.DELRCPT
SITE = Site(MemoryDirectory({}), Policy(), "milter")


class Mta:
    """The MTA's end: notes which macros it was asked for, and keeps the session."""

    def __init__(self) -> None:
        self.macros: dict[int, str] = {}
        self.session: Session | None = None

    def setsymlist(self, stage: int, macros: str) -> None:
        self.macros[stage] = macros

    def setpriv(self, session: Session | None) -> None:
        self.session = session

    def getpriv(self) -> Session | None:
        return self.session


def opener(kind: type[Session]) -> Callable[[Mta], Session]:
    decisions = DecisionLog(DecisionMetrics(kind.role, CollectorRegistry()), CapturingLogger())
    return lambda mta: kind(mta, lambda: SITE, lambda: None, decisions)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "end_of_header"),
    [(InboundSession, False), (InboundHeaderSession, True), (SubmissionSession, True), (LocalSession, False)],
)
def test_events(kind: type[Session], *, end_of_header: bool) -> None:
    mta, offer = Mta(), [0x1FF, ALL, 0, 0]
    assert negotiate(mta, offer, opener(kind)) == Milter.CONTINUE  # type: ignore[arg-type]
    actions, steps, *_ = offer
    assert actions == CHANGES | Milter.SETSYMLIST
    assert steps & UNUSED == UNUSED
    assert steps & USED == 0
    assert bool(steps & Milter.P_NOEOH) is not end_of_header
    assert steps & Milter.P_NOCONNECT  # for {client_addr} comes at MAIL
    assert mta.macros[Milter.M_ENVFROM].split() == ["{auth_authen}", "{mail_addr}", "{client_addr}", "i"]
    assert mta.macros[Milter.M_ENVRCPT].split() == ["{rcpt_addr}", "i"]
    assert steps & Milter.P_HDR_LEADSPC
    assert steps & Milter.P_NR_HDR
    assert on_header(mta, "Subject", b" x") == Milter.NOREPLY  # type: ignore[arg-type]


@pytest.mark.parametrize(("organizer", "trust"), [("off", "refuse"), ("log", "off"), ("refuse", "refuse")])
@pytest.mark.parametrize("offered", [ALL, ALL & ~Milter.P_SKIP])
def test_the_body_is_asked_for_only_by_a_check_that_needs_it(organizer: Switch, trust: Switch, offered: int) -> None:
    site = Site(MemoryDirectory({}), Policy(foreign_organizer=organizer, forged_trust=trust), "milter")
    decisions = DecisionLog(DecisionMetrics(Role.SUBMISSION, CollectorRegistry()), CapturingLogger())
    mta, offer = Mta(), [CHANGES, offered, 0, 0]
    open_session = lambda mta: SubmissionWallSession(mta, lambda: site, lambda: None, decisions)  # noqa: E731
    negotiate(mta, offer, open_session)  # type: ignore[arg-type]
    assert bool(offer[1] & Milter.P_NOBODY) is (organizer == "off")
    assert bool(offer[1] & Milter.P_SKIP) is (organizer != "off" and bool(offered & Milter.P_SKIP))
    if organizer != "off":
        on_header(mta, "Content-Type", b" text/plain")  # type: ignore[arg-type]
        assert mta.session
        mta.session._parts.feed(b"\r\n")  # type: ignore[attr-defined]
        answer = Milter.SKIP if offered & Milter.P_SKIP else Milter.CONTINUE  # nothing more matters
        assert on_body(mta, b"hello") == answer


@pytest.mark.parametrize(
    ("kind", "header"),
    [(InboundSession, False), (InboundHeaderSession, True), (SubmissionSession, True), (LocalSession, False)],
)
def test_where_the_edge_strips_a_header_is_seen_only_if_it_is_judged(kind: type[Session], *, header: bool) -> None:
    mta, offer = Mta(), [0x1FF, ALL, 0, 0]
    decisions = DecisionLog(DecisionMetrics(kind.role, CollectorRegistry()), CapturingLogger())
    site = replace(SITE, delivery="agent", strips=False)
    negotiate(mta, offer, lambda mta: kind(mta, lambda: site, lambda: None, decisions))  # type: ignore[arg-type]
    assert bool(offer[1] & Milter.P_NOHDRS) is not header


def test_an_mta_of_few_talents() -> None:
    """It chooses no macros and waits for an answer to each field."""
    mta, offer = Mta(), [CHANGES, ALL & ~Milter.P_NR_HDR, 0, 0]
    negotiate(mta, offer, opener(InboundSession))  # type: ignore[arg-type]
    assert offer[0] == CHANGES
    assert not offer[1] & Milter.P_NOCONNECT
    assert not offer[1] & Milter.P_NR_HDR
    assert mta.macros == {}
    assert on_header(mta, "Subject", b" x") == Milter.CONTINUE  # type: ignore[arg-type]


def fail(*_: object) -> Never:
    raise RuntimeError("a bug")


def test_an_exception_is_a_451_now_or_at_end_of_message() -> None:
    mta = Mta()
    negotiate(mta, [CHANGES, ALL, 0, 0], opener(InboundSession))  # type: ignore[arg-type]
    assert mta.session
    for callback, answer in ((answered("rcpt", fail), Milter.TEMPFAIL), (notified("abort", fail), Milter.CONTINUE)):
        mta.session.message.broken = False
        assert callback(mta) == answer
        assert mta.session.message.broken
    assert mta.session.end_of_message() == Milter.TEMPFAIL


def test_without_a_session_nothing_is_accepted() -> None:
    """Whoever negotiated nothing is no MTA; what he begins is not taken, and no bug is logged."""
    assert answered("mail", lambda session, sender: session.mail(sender))(Mta(), b"<>") == Milter.TEMPFAIL
    assert notified("abort", lambda session: session.abort())(Mta()) == Milter.CONTINUE
    assert on_header(Mta(), "X", b" x") == Milter.TEMPFAIL  # type: ignore[arg-type]
    assert on_close(Mta()) == Milter.CONTINUE  # type: ignore[arg-type]


def test_a_closed_session_is_let_go() -> None:
    mta = Mta()
    negotiate(mta, [CHANGES, ALL, 0, 0], opener(InboundSession))  # type: ignore[arg-type]
    assert on_close(mta) == Milter.CONTINUE  # type: ignore[arg-type]
    assert mta.session is None
