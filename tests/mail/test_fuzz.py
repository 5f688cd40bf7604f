"""Short forms of ``make fuzz-mail``, with a patience for busy machines: nothing here depends on how fast they are."""

import random
from signal import SIGCONT, SIGSTOP

import pytest

from bench.load.milter_client import MilterClient, frame, opened
from byname.sandbox.site import PrivateSite
from tests.mail.fuzz import protocol_run, smtp_run
from tests.mail.fuzz.content import header, octets, path
from tests.mail.fuzz.dialogue import SmtpSession
from tests.mail.fuzz.milters import KINDS
from tests.mail.fuzz.report import Limits, Report
from tests.mail.test_field_names import address

PATIENT = Limits(reply=60, delay=None)


def said(line: str) -> None:
    """Let pytest show the progress of a run that fails."""
    print(line)  # noqa: T201


def test_sessions_in_the_milter_protocol() -> None:
    report = protocol_run.run(300, 14, PATIENT, said)
    assert report.violations == []
    assert report.sessions == 300
    assert report.answers["250"] > 500
    assert report.most("actions") > len(KINDS)


@pytest.mark.parametrize("delivery", ["milter", "agent"])
def test_smtp_sessions(needs_root: None, delivery: str) -> None:
    report = smtp_run.run(40, 15, PATIENT, said, "agent" if delivery == "agent" else "milter")
    assert report.violations == []
    assert report.answers["354"] > 5


def test_the_same_seed_makes_the_same_mail() -> None:
    made = [(header(random.Random("1:2")), path(random.Random("3")), octets(random.Random("4"), 90)) for _ in range(2)]
    assert made[0] == made[1]


def test_a_frozen_milter_is_found(site: PrivateSite) -> None:
    """The fuzzer sees what it is there for."""
    report = Report("frozen")
    site.daemons["inbound"].send(SIGSTOP)
    try:
        for number in range(8):
            SmtpSession(f"x:{number}", site, report, Limits(reply=0.2)).play()
    finally:
        site.daemons["inbound"].send(SIGCONT)
    assert [each for each in report.violations if "no reply within" in each or "no session" in each]


def test_an_event_before_any_negotiation_is_no_bug(site: PrivateSite) -> None:
    with MilterClient(address(site, "inbound")) as mta:
        mta.send_frames(frame("M", b"<a@x.test>\0"))
        mta.hang_up()
    with opened(address(site, "inbound")) as mta:
        assert mta.mail("a@x.test").code == 250
    assert "Traceback" not in site.daemons["inbound"].log()
