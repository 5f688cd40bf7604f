"""What a check says, and what a person is told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from byname.doctor.facts import CannotTell, DoesNotApply, Facts


class Severity(StrEnum):
    """How bad something is."""

    ERROR = "error"  # mail is held up, lost or misled now
    WARNING = "warning"  # it may be, or somebody may do what they must not
    NOTICE = "notice"  # good to know
    UNKNOWN = "unknown"  # could not be looked at
    OK = "ok"


class Symptom(StrEnum):
    """What people notice: the headings of docs/troubleshoot.md."""

    DEFERRED = "Mail is deferred with 451"
    REFUSED = "Mail is refused: user unknown, for a name that exists"
    RELAY = "Mail is refused: relay access denied"
    SENDER = "Sending is refused: sender address rejected, or the login"
    NOT_LIVE = "A change is not live"
    LOST = "Mail was accepted and did not arrive, or came back later"
    BYPASSED = "Somebody can send or smuggle what they must not"
    DOMAIN = "A domain stays pending, or its proof is missing"
    DASHBOARD = "The dashboard or the API does not answer, or the login fails"
    STARTING = "A daemon does not start"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong."""

    severity: Severity
    what: str
    mend: str  # the line to type or to change


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at. ``judge`` is pure."""

    name: str
    symptoms: tuple[Symptom, ...]
    means: str  # in plain words
    judge: Callable[[Facts], Iterator[Fault]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    check: str
    severity: Severity
    symptoms: tuple[Symptom, ...]
    what: str
    means: str
    mend: str


def findings(check: Check, facts: Facts) -> list[Finding]:
    """Return what one check finds; a single one with ``ok`` when all is well, none when it does not apply."""

    def found(severity: Severity, what: str, mend: str) -> Finding:
        return Finding(check.name, severity, check.symptoms, what, check.means, mend)

    try:
        faults = [found(fault.severity, fault.what, fault.mend) for fault in check.judge(facts)]
    except CannotTell as reason:
        return [found(Severity.UNKNOWN, f"cannot tell: {reason}", "")]
    except DoesNotApply:
        return []
    return faults or [found(Severity.OK, "", "")]
