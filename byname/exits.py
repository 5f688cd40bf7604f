"""The exit codes of ``byname``: for scripts and services (docs/command-line.md, "Exit codes", sysexits.h)."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of ``byname``."""

    DONE = 0  # done, delivered or allowed
    REFUSED = 1  # refused, or a check failed
    USAGE = 2  # no such command or option; typer's own code
    NOT_OURS = 3  # the domain is not hosted here
    WARNED = 4  # a check found nothing wrong, but something that should be mended
    DATA = 65  # EX_DATAERR: a change was refused, its code stands on stderr
    CANNOT_TELL = 75  # EX_TEMPFAIL: the store or a busy socket; may work later
    CONFIG = (
        78  # EX_CONFIG: settings, an absent or unmigrated database, a bad address to listen on, an extra to install
    )
    INTERRUPTED = 130  # Ctrl-C, as shells count it
    READER_GONE = 141  # the reader of our output closed the pipe, as shells count it


# A verdict's slug (routing.explain) to the exit code of ``byname explain``.
OF_VERDICT = {
    "deliver": ExitCode.DONE,
    "allow": ExitCode.DONE,
    "reject": ExitCode.REFUSED,
    "not-ours": ExitCode.NOT_OURS,
    "defer": ExitCode.CANNOT_TELL,
}
