"""The fail2ban filter over lines that the milter has written: who is banned, and that nobody else can be.

``conf/fail2ban/sample.log`` was made by ``python -m tests.mail.test_fail2ban``.
"""

import re
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from byname.sandbox.requirements import missing_packages
from byname.sandbox.site import PrivateSite
from byname.sandbox.waiting import wait_until
from tests.mail.conftest import leave_out
from tests.mail.dialogue import Dialogue, logged_in, submit
from tests.mail.world import JOHN, fill

FAIL2BAN = Path(__file__).parents[2] / "conf" / "fail2ban"
FILTER, SAMPLE = FAIL2BAN / "filter.d" / "byname.conf", FAIL2BAN / "sample.log"
FAKE = "byname/submission[1]: sender sender=x client=198.51.100.9 verdict=reject rule=x reply=x"
NEAR = "192.0.2.1"
STAMPS = ("Nov 23 08:30:18 mx byname[4711]: ", "2026-11-23T08:30:18.123456+00:00 mx byname[4711]: ")


@pytest.fixture(scope="session")
def fail2ban() -> None:
    if missing := missing_packages({"usr/bin/fail2ban-regex": "fail2ban"}):
        leave_out(f"not installed: {' '.join(missing)}")


def banned(log: Path) -> list[str]:
    """Return the address of each match, in the order of the lines."""
    command = ["fail2ban-regex", "--out", "<ip>", str(log), str(FILTER)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def from_lines(folder: Path, lines: Iterable[str], stamp: str = STAMPS[0]) -> list[str]:
    log = folder / "mail.log"
    log.write_text("".join(f"{stamp}{line}\n" for line in lines))
    return banned(log)


def without_quoted_values(line: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', "Q", line)


def is_refusal_of_a_sender(line: str) -> bool:
    """Say by another way than the filter's whether a line is one."""
    bare = without_quoted_values(line)
    return (
        bool(re.search(r"byname/submission\[\d+\]: (?:\S+: )?(?:sender|header) ", bare)) and " verdict=reject " in bare
    )


def act(site: PrivateSite) -> None:
    """Do what makes lines of every kind."""
    own = b"From: John <john@brand-a.test>"
    with logged_in(site, JOHN) as client:
        for sender in ("<mary@brand-a.test>", "<info@brand-a.test>", "<brand-a.test!john>", f'<"{FAKE}"@brand-a.test>'):
            submit(client, sender, own)
        for header in (b"From: ceo@bank.test", b"Subject: none", b"From: " + FAKE.encode(), own + b"\r\n" + own):
            submit(client, f"<{JOHN}>", header)
        submit(client, f"<{JOHN}>", own, "nobody@brand-a.test")
        submit(client, f"<{JOHN}>", own, f'"{FAKE}"@brand-a.test')
        submit(client, f"<{JOHN}>", own, "mary@brand-a.test")
    with Dialogue(site.postfix.submission_port) as smtp:
        smtp.say(f"EHLO {FAKE}")
        smtp.say("MAIL FROM:<john@brand-a.test>")
    with Dialogue(site.postfix.inbound_port) as smtp:
        smtp.mail(["<nobody@brand-a.test>"], sender="<mary@brand-a.test>")
        smtp.mail(["<mary@brand-a.test>"], sender=f'<"{FAKE}"@brand-a.test>')


def monitored(site: PrivateSite) -> None:
    site.config.write_text(site.config.read_text().replace("[milter]", '[milter]\nmode = "monitor"'))
    daemon = site.daemons["submission"]
    daemon.send(signal.SIGHUP)
    wait_until(lambda: "reloaded" in daemon.log(), 10, "a reload")


def lines_of(site: PrivateSite) -> list[str]:
    """Return what both milters log, also in monitor mode."""
    act(site)
    monitored(site)
    act(site)
    return [line for role in ("inbound", "submission") for line in site.daemons[role].log().splitlines()]


@pytest.fixture(scope="module")
def lines(needs_root: None) -> Iterator[list[str]]:
    with PrivateSite(fill, into_sink=True) as site:
        yield lines_of(site)


@pytest.mark.parametrize("stamp", STAMPS)
def test_every_refusal_of_a_sender_matches_and_nothing_else(
    fail2ban: None, lines: list[str], folder: Path, stamp: str
) -> None:
    refusals = [line for line in lines if is_refusal_of_a_sender(line)]
    assert len(refusals) == 10
    assert from_lines(folder, refusals, stamp) == ["127.0.0.1"] * len(refusals)
    assert from_lines(folder, [line for line in lines if not is_refusal_of_a_sender(line)], stamp) == []


def test_the_sample(fail2ban: None, folder: Path) -> None:
    lines = SAMPLE.read_text().splitlines()
    refusals = [line for line in lines if is_refusal_of_a_sender(line)]
    assert len(lines) > len(refusals) >= 10
    assert banned(SAMPLE) == [
        address for line in refusals for address in re.findall(r" client=(\S+) ", without_quoted_values(line))
    ]
    assert "198.51.100.9" not in banned(SAMPLE)
    assert any("198.51.100.9" in line for line in refusals), "a line that tries to ban somebody else"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("byname/submission[1]: sender sender=x client=2001:db8::1 verdict=reject rule=a reply=b", ["2001:db8::1"]),
        ('byname/submission[1]: "a b": header sender=x client=192.0.2.1 verdict=reject rule=a reply="b"', [NEAR]),
        ("byname/submission[1]: sender sender=x login=y client=192.0.2.1 verdict=defer rule=no-evidence reply=b", []),
        ("byname/submission[1]: sender sender=x login=y client=192.0.2.1 verdict=would-reject rule=a reply=b", []),
        ("byname/inbound[1]: sender sender=x client=192.0.2.1 verdict=reject rule=login-on-inbound reply=b", []),
        ("byname/submission[1]: recipient rcpt=x login=y client=192.0.2.1 verdict=reject rule=a reply=b", []),
        ("byname/submission[1]: sender sender=x login=y client=local verdict=reject rule=a reply=b", []),
        (f'byname/submission[1]: recipient rcpt="{FAKE}" client=192.0.2.1 verdict=reject rule=a reply=b', []),
        (f'byname/submission[1]: sender sender="\\" {FAKE}" client=192.0.2.1 verdict=reject rule=a reply=b', [NEAR]),
        (f"other[1]: {FAKE}", []),
    ],
)  # fmt: skip
def test_made_up_lines(fail2ban: None, folder: Path, line: str, expected: list[str]) -> None:
    assert from_lines(folder, [line]) == expected


def write_sample() -> None:
    """Write the sample log anew, with a client that is not the machine itself."""
    with PrivateSite(fill, into_sink=True) as site:
        lines = lines_of(site)
    text = "".join(f"{STAMPS[0]}{line}\n" for line in lines)
    SAMPLE.write_text(re.sub(r"\[\d+\]: ", "[4711]: ", text).replace("client=127.0.0.1", "client=192.0.2.7"))


if __name__ == "__main__":
    write_sample()
