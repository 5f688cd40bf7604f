"""``make fuzz-mail``: made-up mail against real milters and a real Postfix, and what the worst of it cost."""

import argparse
import random
import sys

from tests.mail.fuzz import protocol_run, smtp_run
from tests.mail.fuzz.report import Limits


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run both, show the figures, return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make fuzz-mail", description=__doc__)
    parser.add_argument("--sessions", type=int, default=20_000, help="in the milter protocol, 40 to 100 a second")
    parser.add_argument("--mails", type=int, default=500, help="SMTP sessions, half of them for each way of delivery")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is shown")
    parser.add_argument("--first", type=int, default=0, help="number of the first protocol session: to repeat one")
    parser.add_argument("--patience", type=float, default=1.0, help="for a busy machine: times what is waited for")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    limits = Limits(reply=5.0 * options.patience, delay=options.patience)
    _say(f"seed {seed}")
    reports = []
    if options.sessions:
        reports.append(protocol_run.run(options.sessions, seed, limits, _say, options.first))
    if options.mails:
        reports.append(smtp_run.run(options.mails - options.mails // 2, seed, limits, _say, "milter"))
        reports.append(smtp_run.run(options.mails // 2, seed + 1, limits, _say, "agent"))
    for report in reports:
        _say(report.table())
    return 1 if any(report.violations for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
