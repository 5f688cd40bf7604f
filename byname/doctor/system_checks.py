"""Checks of the machine: room on disks, who can read secrets, and whether old versions still run. Pure."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime

from byname.doctor.facts import Facts, known
from byname.doctor.findings import Check, Fault, Severity, Symptom

_MIB = 1024 * 1024
_SHORT, _FULL = 500 * _MIB, 50 * _MIB  # bytes that are free
_SMALL = 0.05  # a small disk may have less, as a part of it


def _settings(facts: Facts) -> Iterator[Fault]:
    for line in facts.settings.warnings:
        yield Fault(Severity.WARNING, line, "byname config check")


def _disk(facts: Facts) -> Iterator[Fault]:
    for one in facts.disks:
        if one.free >= _SHORT or (one.free >= _FULL and one.free >= _SMALL * one.total):
            continue
        severity = Severity.ERROR if one.free < _FULL else Severity.WARNING
        yield Fault(severity, f"{one.what}: {one.free // _MIB} MiB are free at {one.path}", f"df -h {one.path}")


def _secrets(facts: Facts) -> Iterator[Fault]:
    for one in facts.files:
        if one.holds_secret and one.mode & stat.S_IROTH:
            mend = f"chown root:byname {one.path}; chmod 640 {one.path}"
            yield Fault(Severity.WARNING, f"any user can read {one.path}, which holds a secret", mend)


def _writable(facts: Facts) -> Iterator[Fault]:
    for one in facts.files:
        if one.mode & stat.S_IWOTH:
            yield Fault(Severity.ERROR, f"any user can change {one.path}", f"chmod o-w {one.path}")


def _versions(facts: Facts) -> Iterator[Fault]:
    installed = known(facts.installed)
    old = [one for one in facts.processes if one.started < installed]
    if old:
        when = datetime.fromtimestamp(installed, UTC).strftime("%Y-%m-%d %H:%M UTC")
        names = ", ".join(f"{one.command} ({one.pid})" for one in old)
        yield Fault(
            Severity.WARNING,
            f"started before this version was installed, {when}: {names}",
            "systemctl restart 'byname-*.service'",
        )


SYSTEM_CHECKS = (
    Check(
        "settings",
        (Symptom.STARTING,),
        "The settings are read at the start and at each reload; what is doubtful in them is said here.",
        _settings,
    ),
    Check(
        "disk-space",
        (Symptom.DEFERRED, Symptom.STARTING),
        "On a full disk no change is kept, and Postfix takes no mail.",
        _disk,
    ),
    Check(
        "secrets-readable",
        (Symptom.BYPASSED,),
        "Passwords of databases and keys are for Byname's user alone.",
        _secrets,
    ),
    Check(
        "settings-writable",
        (Symptom.BYPASSED,),
        "Who can change the settings can lead mail anywhere.",
        _writable,
    ),
    Check(
        "old-version-running",
        (Symptom.NOT_LIVE,),
        "After an upgrade each daemon goes on with what it started with, until it is started anew.",
        _versions,
    ),
)
