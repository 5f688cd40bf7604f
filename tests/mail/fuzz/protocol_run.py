"""A run of made-up sessions in the milter protocol, with milters of every kind in turn."""

from tests.mail.fuzz.milters import running_milters
from tests.mail.fuzz.protocol import Session
from tests.mail.fuzz.report import Limits, Report, Say

_WARM_UP = 200  # sessions for each kind of milter, until what Python keeps anyhow is there
_HEAVY = 501  # of so many sessions one
_LOOK = 500  # sessions between looks at the processes
_TELL = 5_000


def run(sessions: int, seed: int, limits: Limits, say: Say, first: int = 0) -> Report:
    """Play ``sessions`` sessions, beginning with number ``first``. The same seed gives the same sessions."""
    report = Report("milter protocol")
    with running_milters(report, limits) as milters:
        kinds = list(milters)
        for number in range(first, first + sessions):
            kind = kinds[number % len(kinds)]
            address, milter = milters[kind]
            name = f"{seed}:{number}"
            Session(name, address, milter, report, limits, is_heavy=number % _HEAVY == _HEAVY - 1).play()
            report.sessions += 1
            if report.sessions == _WARM_UP * len(kinds):
                for _, each in milters.values():
                    each.warmed_up()
            if report.sessions % _LOOK == 0:
                for _, each in milters.values():
                    each.look(name)
            if report.sessions % _TELL == 0:
                say(f"{report.sessions} sessions, {len(report.violations)} violations")
        for _, each in milters.values():
            each.look(f"{seed}:{first + sessions - 1}", is_last=True)
    return report
