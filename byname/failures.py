"""Foreseeable errors, as a message and an exit code. What is not listed here is a bug and keeps its traceback."""

from collections.abc import Mapping
from dataclasses import dataclass

from byname.exits import ExitCode
from byname.output import OutputLostError, complain


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command could not do what it was asked."""

    exit_code: ExitCode
    code: str  # a slug of docs/api.md, "Errors", or one of this module's
    message: str
    hint: str | None = None
    field: str | None = None
    details: Mapping[str, object] | None = None


class ExtraMissing(Exception):
    """A Python package is not installed that only some commands need; pyproject.toml has it in an extra."""

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(f"this command needs the Python package {package}, which is not installed")
        self.hint = f"pip install 'byname[{extra}]'"


def report(failure: Failure, *, as_json: bool) -> ExitCode:
    """Print ``failure`` on stderr and return its exit code."""
    if as_json:
        _report_json(failure)
        return failure.exit_code
    for line in failure.message.splitlines():  # a configuration may hold several mistakes
        complain(f"byname: {failure.code}: {line}")
    if failure.hint:
        complain(f"byname: hint: {failure.hint}")
    return failure.exit_code


def describe(error: BaseException) -> Failure | None:
    """Return the message for ``error``; None for a bug."""
    if isinstance(error, KeyboardInterrupt):
        return Failure(ExitCode.INTERRUPTED, "interrupted", "stopped by Ctrl-C")
    if isinstance(error, OutputLostError):
        return Failure(ExitCode.CANNOT_TELL, "output-lost", str(error))
    if isinstance(error, ExtraMissing):
        return Failure(ExitCode.CONFIG, "extra-missing", str(error), error.hint)
    return _from_conf(error) or _from_store(error) or _from_postfix(error) or _from_system(error)


def _from_conf(error: BaseException) -> Failure | None:
    from conf.service import ListenError, SocketBusy
    from conf.settings import ConfigError

    if isinstance(error, ConfigError):
        return Failure(ExitCode.CONFIG, "bad-configuration", str(error))
    if isinstance(error, SocketBusy):
        return Failure(ExitCode.CANNOT_TELL, "socket-busy", str(error))
    if isinstance(error, ListenError):
        return Failure(ExitCode.CONFIG, "cannot-listen", str(error))
    return None


def _from_store(error: BaseException) -> Failure | None:
    from store.errors import BadBackup, CacheUnavailable, ServiceError, StoreNotReady, StoreUnavailable

    if isinstance(error, ServiceError):
        return Failure(ExitCode.DATA, error.code, error.message, error.hint, field=error.field, details=error.details)
    if isinstance(error, BadBackup):
        return Failure(ExitCode.DATA, "bad-backup", str(error))
    if isinstance(error, StoreNotReady):
        return Failure(ExitCode.CONFIG, "store-not-ready", str(error))
    if isinstance(error, StoreUnavailable | CacheUnavailable):
        return Failure(ExitCode.CANNOT_TELL, "unavailable", str(error))
    return None


def _from_postfix(error: BaseException) -> Failure | None:
    from byname.postfix.postconf import PostfixUnreadable
    from byname.setup.errors import SetupRefused

    if isinstance(error, PostfixUnreadable):
        return Failure(ExitCode.CANNOT_TELL, "postfix-unreadable", str(error))
    if isinstance(error, SetupRefused):
        return Failure(ExitCode.REFUSED, error.code, str(error), error.hint)
    return None


def _from_system(error: BaseException) -> Failure | None:
    if not isinstance(error, OSError):
        return None
    where = f"{error.filename}: " if error.filename else ""
    return Failure(ExitCode.CANNOT_TELL, "system-error", f"{where}{error.strerror or error}")


def _report_json(failure: Failure) -> None:
    import json

    members = {"code": failure.code, "message": failure.message, "hint": failure.hint, "field": failure.field}
    complain(json.dumps({"error": {**members, "details": failure.details or {}}}, default=str))
