"""The table of all checks, in the order in which a person should read them; docs/troubleshoot.md names each."""

from collections.abc import Sequence

from byname.doctor.facts import Facts
from byname.doctor.findings import Check, Finding, Severity, findings
from byname.doctor.guard_checks import GUARD_CHECKS
from byname.doctor.milter_checks import MILTER_CHECKS
from byname.doctor.postfix_checks import POSTFIX_CHECKS
from byname.doctor.socket_checks import SOCKET_CHECKS
from byname.doctor.store_checks import STORE_CHECKS
from byname.doctor.system_checks import SYSTEM_CHECKS
from byname.exits import ExitCode

CHECKS: tuple[Check, ...] = (
    *SYSTEM_CHECKS,
    *STORE_CHECKS,
    *SOCKET_CHECKS,
    *POSTFIX_CHECKS,
    *MILTER_CHECKS,
    *GUARD_CHECKS,
)

# From the worst to the best, and the exit code of a run in which nothing was worse.
EXIT_CODES = {
    Severity.ERROR: ExitCode.REFUSED,
    Severity.WARNING: ExitCode.WARNED,
    Severity.UNKNOWN: ExitCode.CANNOT_TELL,
    Severity.NOTICE: ExitCode.DONE,
    Severity.OK: ExitCode.DONE,
}
_ORDER = list(EXIT_CODES)


def judge(facts: Facts) -> list[Finding]:
    """Return what all checks find, the worst first."""
    return by_severity([finding for check in CHECKS for finding in findings(check, facts)])


def finding_of_settings(severity: Severity, what: str, mend: str) -> Finding:
    """Return a finding about settings that cannot be read, so that nothing else can be looked at."""
    check = CHECKS[0]
    return Finding(check.name, severity, check.symptoms, what, check.means, mend)


def by_severity(found: Sequence[Finding]) -> list[Finding]:
    """Return findings with the worst first."""
    return sorted(found, key=lambda one: _ORDER.index(one.severity))


def exit_code(found: Sequence[Finding]) -> ExitCode:
    """Return the exit code by the worst of them."""
    return next((EXIT_CODES[one.severity] for one in by_severity(found)), ExitCode.DONE)
