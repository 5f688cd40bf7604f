"""A run of made-up SMTP sessions against a whole site: Postfix, the milters, the mail store's sink."""

import re
from typing import Literal

from byname.sandbox.site import PrivateSite
from tests.mail.fuzz.canary import Canary
from tests.mail.fuzz.dialogue import SmtpSession
from tests.mail.fuzz.process import Watched
from tests.mail.fuzz.report import Limits, Report, Say
from tests.mail.world import fill

_HEAVY = 51  # of so many sessions one
_WARM_UP = 50
_LOOK = 100
_TROUBLE = re.compile(r".*(?:panic:|fatal:|killed by signal|exit status|throttling|reverse jump|queue file write).*")
_ROLES = {"milter": ("inbound", "submission", "local"), "agent": ("inbound", "submission")}


def run(sessions: int, seed: int, limits: Limits, say: Say, delivery: Literal["milter", "agent"] = "milter") -> Report:
    """Play ``sessions`` sessions. The same seed gives the same ones."""
    report = Report(f"SMTP, delivery = {delivery}")
    with PrivateSite(fill, into_sink=True, delivery=delivery) as site:
        milters = [
            Watched(role, site.daemons[role], site.folder / f"byname-{role}.log", report, limits)
            for role in _ROLES[delivery]
        ]
        master = site.postfix.master()
        with Canary(site, report, limits) as canary:
            for number in range(sessions):
                name = f"{seed}:{number}"
                SmtpSession(name, site, report, limits, is_heavy=number % _HEAVY == _HEAVY - 1).play()
                report.sessions += 1
                if report.sessions == _WARM_UP:
                    for milter in milters:
                        milter.warmed_up()
                if report.sessions % _LOOK == 0:
                    for milter in milters:
                        milter.look(name)
                    say(f"{report.sessions} mails, {len(report.violations)} violations")
        _last_look(site, canary, milters, report, master)
    return report


def _last_look(site: PrivateSite, canary: Canary, milters: list[Watched], report: Report, master: int | None) -> None:
    site.postfix.wait_until_idle(120)
    for milter in milters:
        milter.look("the end", is_last=True)
    for line in _TROUBLE.findall(site.postfix.log()):
        report.violate("mail log", line)
    if site.postfix.master() != master:
        report.violate("the end", "Postfix's master is another process")
    missing = canary.sent - len(canary.arrived())
    if missing:
        report.violate("the end", f"{missing} of {canary.sent} other mails did not arrive")
