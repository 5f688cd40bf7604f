"""What it costs to look for invitations in the body (``[senders] foreign_organizer``).

    sudo .venv/bin/python -m bench.cases.invitations

First the scanner alone, in pieces of 64 kB as the MTA sends them; then a login's mails through a private Postfix with
the check off and on: the time of a message, and of that the CPU time of the submission milter.
"""

import base64
import os
import statistics
import sys
import time
from pathlib import Path

from byname.sandbox.site import PrivateSite
from routing.calendar import Invitations
from routing.mime_parts import MimeParts
from tests.mail.dialogue import data_as_it_is, logged_in
from tests.mail.world import JOHN, fill
from tests.unit.ordinary_mails import calendar

PIECE = 65_535
ROUNDS = 30
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
FILE = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
EVENT = b"Content-Type: text/calendar\r\n\r\n"
EVENT64 = EVENT.strip() + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
LINES = base64.encodebytes(os.urandom(3_700_000)).replace(b"\n", b"\r\n")
MESSAGES = {
    "text of 10 kB": b"Content-Type: text/plain\r\n\r\n" + b"hello world\r\n" * 800,
    "an invitation, 1 kB": MIXED + EVENT + calendar("REQUEST", JOHN, "x@y.example") + b"--b--\r\n",
    "a file of 5 MB": MIXED + FILE + LINES + b"--b--\r\n",
    "5 MB of lines in a calendar": MIXED + EVENT + LINES + b"--b--\r\n",
    "5 MB of empty lines in a calendar": MIXED + EVENT + b"\r\n" * 2_500_000 + b"--b--\r\n",
    "5 MB of base64, an octet a line": MIXED + EVENT64 + b"QQ==\r\n" * 800_000 + b"--b--\r\n",
    "5 MB of folds": MIXED + EVENT + b"X:" + b"x" * 5000 + b"\r\n " * 1_600_000 + b"--b--\r\n",
    "5 MB of long names of organizers": MIXED + EVENT + (b"ORGANIZER:" + b"a" * 4000 + b"\r\n") * 1250 + b"--b--\r\n",
    "5 MB of lines that begin like a boundary": MIXED + EVENT + b"--\r\n" * 1_250_000 + b"--b--\r\n",
    "5 MB of organizers": MIXED + EVENT + b"ORGANIZER:mailto:john@brand-a.test\r\n" * 150_000 + b"--b--\r\n",
}


def scan(message: bytes) -> float:
    """Return the milliseconds of CPU for one message."""
    started = time.process_time()
    parts = MimeParts(Invitations().reader_for)
    for at in range(0, len(message), PIECE):
        parts.feed(message[at : at + PIECE])
        if parts.is_over:
            break
    parts.end()
    return 1000 * (time.process_time() - started)


def cpu(pid: int) -> float:
    """Return the milliseconds of CPU that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def through_postfix(setting: str) -> dict[str, tuple[float, float]]:
    """Return milliseconds a message, and of CPU in the milter, by message."""
    found = {}
    with PrivateSite(fill, into_sink=True, settings=f'[senders]\nforeign_organizer = "{setting}"\n') as site:
        pid = site.daemons["submission"].pid or 0
        for title in ("text of 10 kB", "an invitation, 1 kB", "a file of 5 MB"):
            times, before = [], cpu(pid)
            with logged_in(site, JOHN) as client:
                for _ in range(ROUNDS):
                    started = time.monotonic()
                    client.docmd(f"MAIL FROM:<{JOHN}>")
                    client.docmd("RCPT TO:<friend@outside.example>")
                    code, text = data_as_it_is(client, b"From: john@brand-a.test\r\n" + MESSAGES[title])
                    if code != 250:
                        raise RuntimeError(text)
                    times.append(1000 * (time.monotonic() - started))
            found[title] = statistics.median(times), (cpu(pid) - before) / ROUNDS
    return found


def main() -> None:
    """Measure and print."""
    for title, message in MESSAGES.items():
        sys.stdout.write(f"| {title} | {min(scan(message) for _ in range(5)):.2f} |\n")
    off, on = through_postfix("off"), through_postfix("refuse")
    for title in off:
        sys.stdout.write("| {} | {:.1f} | {:.1f} | {:.1f} | {:.1f} |\n".format(title, *off[title], *on[title]))


if __name__ == "__main__":
    main()
